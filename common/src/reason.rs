//! Why something is so: a closed list of codes, each with its words in English.
//!
//! Programs decide by the code, other languages have words of their own for it; the English text
//! follows from the code and its values, so that the two cannot drift. `docs/reasons.md` has the list.

use std::fmt;

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $words:literal;)+) => {
        /// What a reason says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode {
            $($(#[$doc])* $variant),+
        }

        impl ReasonCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that programs decide by; never changes.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The English words; `{name}` stands for a value, `{parts}` for the reasons inside.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words),+ }
            }
        }
    };
}

reason_codes! {
    /// A text is missing.
    Empty = "empty", "must not be empty";
    /// A text is too short.
    TooFewCharacters = "too-few-characters", "at least {least} characters";
    /// A text is too long.
    TooManyCharacters = "too-many-characters", "at most {most} characters";
    /// A text is too long.
    TooManyBytes = "too-many-bytes", "at most {most} bytes";
    /// A list is too long.
    TooMany = "too-many", "at most {most} of them";
    /// A number is out of its range.
    OutOfRange = "out-of-range", "{value} is not from {least} to {most}";
    /// The name of an application or worker.
    NameShape = "name-shape", "1 to {most} characters of A-Z a-z 0-9 . _ -";
    /// A tag.
    TagShape = "tag-shape", "1 to {most} characters without commas and outer spaces";
    /// A zone that the database of zones does not have.
    UnknownZone = "unknown-zone", "not a known time zone; write it like Europe/Berlin";
    /// A choice that names workers does not name any.
    NamesNoWorkers = "names-no-workers", "SPECIFY needs the workers: addresses, tagIn:.. or tagEquals:..";
    /// A field that goes with another choice.
    OnlyWith = "only-with", "only {choice} has it";
    /// A field that the choice cannot do without.
    NeededWith = "needed-with", "{choice} needs it, and only {choice} has it";
    /// The longest wait between attempts is shorter than the first one.
    ShorterThanFirst = "shorter-than-first", "it is shorter than the first wait, delayMs";
    /// A life cycle that ends before it starts.
    EndBeforeStart = "end-before-start", "the end lies before the start";
    /// A life cycle that is over.
    EndInPast = "end-in-past", "the end lies in the past";
    /// A schedule that never triggers again.
    NoTriggerLeft = "no-trigger-left", "there is no trigger time left from now on";
    /// Two fields that exclude each other.
    EitherOr = "either-or", "give either this or {other}";
    /// A time that has passed.
    InPast = "in-past", "lies in the past";
    /// A time too far away.
    TooFarAhead = "too-far-ahead", "lies more than {days} days ahead";
    /// A field without which the request means nothing.
    FieldMissing = "field-missing", "missing field `{name}`";
    /// A field that nobody knows.
    FieldUnknown = "field-unknown", "unknown field `{name}`, {message}";
    /// A value of another kind.
    NotUnderstood = "not-understood", "{message}";
    /// A body that is no object.
    NotAnObject = "not-an-object", "the body must be a JSON object";
    /// A parameter that came twice.
    GivenTwice = "given-twice", "given more than once";
    /// A parameter whose text cannot be read.
    NotAccepted = "not-accepted", "{value} is not {accepted}";
    /// A parameter with a value that is not in its list.
    NotOneOf = "not-one-of", "{value} is not one of the accepted values";
    /// A parameter that nobody knows.
    UnknownParameter = "unknown-parameter", "unknown parameter; known are {known}";
    /// Something below refused it.
    Refused = "refused", "{cause}";

    /// A part of an expression is wrong.
    InPart = "in-part", "{part}: {parts}";
    /// CRON: nothing there.
    CronEmpty = "cron-empty", "found an empty expression; accepted are 6 or 7 fields separated by blanks: second minute hour day-of-month month day-of-week [year]";
    /// CRON: `@daily` and the like.
    CronNickname = "cron-nickname", "found the nickname {found}; accepted are 6 or 7 fields separated by blanks: second minute hour day-of-month month day-of-week [year]";
    /// CRON: five fields, as in other products.
    CronFiveFields = "cron-five-fields", "found 5 fields; accepted are 6 or 7 fields separated by blanks: second minute hour day-of-month month day-of-week [year] (the first one is the second, not the minute)";
    /// CRON: too few or too many fields.
    CronFieldCount = "cron-field-count", "found {count} fields; accepted are 6 or 7 fields separated by blanks: second minute hour day-of-month month day-of-week [year]";
    /// CRON: only bars.
    CronOnlyBars = "cron-only-bars", "found only '|'; accepted is an expression on each side of '||'";
    /// CRON: alternatives that do not pair.
    CronAlternatives = "cron-alternatives", "found {found}, which lacks alternative {number}; accepted is the same number of alternatives in every field that has '|'";
    /// CRON: a comma too many.
    CronListComma = "cron-list-comma", "found {found}; a list must not end with a comma";
    /// CRON: `?` in a list.
    CronQuestionAlone = "cron-question-alone", "found {found}; '?' must stand alone";
    /// CRON: `?` in a field of time.
    CronQuestionPlace = "cron-question-place", "found {found}; '?' is accepted in the two day fields only";
    /// CRON: `?` in both fields of days.
    CronQuestionTwice = "cron-question-twice", "found '?' in both day fields, which selects no day; accepted is '?' in one of day-of-month and day-of-week";
    /// CRON: a range with too many parts.
    CronRangeShape = "cron-range-shape", "found {found}; a range is two values joined by one '-'";
    /// CRON: a negative number.
    CronNegative = "cron-negative", "found {found}; negative numbers are not accepted; a range is 'a-b'";
    /// CRON: a range of years that runs backwards.
    CronYearsBackwards = "cron-years-backwards", "found {found}; a range of years must not run backwards";
    /// CRON: a special character at the end of a range.
    CronRangeBound = "cron-range-bound", "found {found}; a range must not end or begin with a special character, except 'L-n'";
    /// CRON: a slash without a number.
    CronStepMissing = "cron-step-missing", "found {found}; a number of steps must follow '/'";
    /// CRON: a step of another form.
    CronStepShape = "cron-step-shape", "found {found}; a step is written '*/n', 'a/n' or 'a-b/n'";
    /// CRON: a step out of its range.
    CronStepRange = "cron-step-range", "found {found}; the step must be a whole number from 1 to {most}";
    /// CRON: a value out of its field's range.
    CronValue = "cron-value", "found {found}; accepted are {least} to {most}";
    /// CRON: a value out of its field's range, which has names.
    CronNamedValue = "cron-named-value", "found {found}; accepted are {least} to {most} or {names}";
    /// CRON: a weekday out of range.
    CronWeekday = "cron-weekday", "found {found}; accepted are {least} to {most} (1 is Sunday) or {names}";
    /// CRON: `LW` with something beside it.
    CronLastWeekdayAlone = "cron-last-weekday-alone", "found {found}; 'LW' must stand alone";
    /// CRON: `#` without both of its numbers.
    CronNthShape = "cron-nth-shape", "found {found}; '#' is written 'weekday#week', for instance FRI#3";
    /// CRON: the sixth Friday of a month.
    CronNthRange = "cron-nth-range", "found {found}; no month has more than five of a weekday; accepted are #1 to #5";
    /// An interval that is no number of milliseconds.
    IntervalMillis = "interval-millis", "found {found}; accepted is a whole number of milliseconds, 1 or more, without blanks";
    /// A moment that cannot be read.
    OnceShape = "once-shape", "found {found}; accepted are a date and time such as 2026-12-24T18:00, with an offset such as 2026-12-24T18:00:00+01:00, and epoch milliseconds";
    /// A moment that the clock skips.
    OnceSkipped = "once-skipped", "found {found}; the clock of {zone} skips that time";
    /// A daily interval that is not the object it should be.
    DailyShape = "daily-shape", "found {found}; accepted is a JSON object such as {example}";
    /// A daily window that ends before it starts.
    DailyEnd = "daily-end", "found {found}; the end must not be earlier than the start, {start}";
    /// A daily interval that is no number.
    DailyInterval = "daily-interval", "found {found}; accepted is a whole number, 1 or more";
    /// A daily interval that is too short.
    DailyTooShort = "daily-too-short", "found {found}; with this intervalUnit it is less than one millisecond";
    /// A unit that nobody knows.
    DailyUnit = "daily-unit", "found {found}; accepted are NANOSECONDS, MICROSECONDS, MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS";
    /// A time of day that cannot be read.
    DailyTime = "daily-time", "found {found}; accepted is a time from 00:00:00 to 23:59:59";
    /// Weekdays that cannot be read.
    DailyDays = "daily-days", "found {found}; accepted is a list of days from 1, Monday, to 7, Sunday";

    /// An instance waits for its time.
    WaitsForTime = "waits-for-time", "waits for its time";
    /// An instance waits for its time or a place; nothing more is known.
    WaitsForTimeOrRoom = "waits-for-time-or-room", "waits for its time, or for a worker with room";
    /// An instance waits for its next attempt.
    WaitsForRetry = "waits-for-retry", "waits for its next attempt, because the last one failed: {cause}";
    /// An instance waits for a worker that can run it.
    WaitsForWorker = "waits-for-worker", "waits for a worker: {parts}";
    /// The one worker that can run an instance is full.
    WaitsForRoomOfOne = "waits-for-room-of-one", "waits for room: the one worker that can run it is full";
    /// All workers that can run an instance are full.
    WaitsForRoom = "waits-for-room", "waits for room: all {workers} workers that can run it are full";
    /// Other runs of the job must end first.
    WaitsForOthers = "waits-for-others", "waits for other runs: {out} of the job out, {max} allowed";
    /// The database does not take the claim.
    WaitsForStore = "waits-for-store", "waits for the store: {cause}";
    /// A worker has not yet confirmed an instance.
    WaitsForConfirmation = "waits-for-confirmation", "waits for the confirmation of its worker";

    /// Nobody is there.
    NoWorker = "no-worker", "no worker of this application is connected";
    /// Workers are known, and none of them can.
    WorkersKnown = "workers-known", "{known} known, {parts}";
    /// Beside those that can.
    OfTheOthers = "of-the-others", "of the others {parts}";
    /// So many workers for one reason.
    Counted = "counted", "{count} {parts}";
    /// None of the workers can run it.
    NoWorkerFits = "no-worker-fits", "none of the {workers} workers fits: {parts}";
    /// A worker without a connection.
    WorkerDisconnected = "worker-disconnected", "not connected";
    /// A worker that shuts down.
    WorkerDraining = "worker-draining", "shutting down";
    /// A worker that an operator has drained.
    WorkerDrained = "worker-drained", "drained by an operator";
    /// A worker that an operator took off line.
    WorkerOffline = "worker-offline", "taken off line by an operator";
    /// A worker that the job does not name.
    WorkerNotDesignated = "worker-not-designated", "not among the designated workers `{designated}`";
    /// A worker that lacks the processor.
    WorkerLacksProcessor = "worker-lacks-processor", "without the processor `{processor}`";
    /// A worker with too few processors free.
    WorkerLacksCpu = "worker-lacks-cpu", "with less than {cores} free processors";
    /// A worker with too little memory free.
    WorkerLacksMemory = "worker-lacks-memory", "with less than {gib} GiB of free memory";
    /// A worker with too little disk free.
    WorkerLacksDisk = "worker-lacks-disk", "with less than {gib} GiB of free disk";
    /// A worker that has all the runs it takes.
    WorkerFull = "worker-full", "full: it has {runs} runs and takes {most} at most";

    /// As many instances of the job are open as may be.
    AtLimit = "at-limit", "{open} instances are open and the job allows {max} at the same time";
    /// The job is switched off.
    SwitchedOff = "switched-off", "the job is switched off: its schedule does not trigger it";
    /// The life cycle of the schedule has ended.
    ScheduleOver = "schedule-over", "the time span of its schedule is over";
    /// The job is a node of workflows.
    OnlyInWorkflows = "only-in-workflows", "it runs only as a part of workflows";
    /// The schedule has no further time.
    NoFurtherTime = "no-further-time", "its schedule has no further time";
}

/// A code with its values, and the reasons it consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    code: ReasonCode,
    values: Vec<(&'static str, String)>,
    parts: Vec<Reason>,
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self {
            code,
            values: Vec::new(),
            parts: Vec::new(),
        }
    }
}

impl Reason {
    /// A code with one value.
    pub fn new(code: ReasonCode, name: &'static str, value: impl fmt::Display) -> Self {
        Self::from(code).with(name, value)
    }

    /// With a value more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// With reasons inside; those that the words have no place for follow them.
    #[must_use]
    pub fn of(mut self, parts: impl IntoIterator<Item = Reason>) -> Self {
        self.parts.extend(parts);
        self
    }

    /// What it says.
    pub fn code(&self) -> ReasonCode {
        self.code
    }

    /// The values of the places in its words.
    pub fn values(&self) -> &[(&'static str, String)] {
        &self.values
    }

    /// The reasons it consists of.
    pub fn parts(&self) -> &[Reason] {
        &self.parts
    }

    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter();
        values
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    fn fill(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if name == "parts" {
            return write_joined(&self.parts, f);
        }
        match self.value(name) {
            Some(value) => f.write_str(value),
            None => write!(f, "{{{name}}}"),
        }
    }
}

fn write_joined(parts: &[Reason], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

/// The English words with their values.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.code.words();
        let mut rest = words;
        while let Some((before, (name, after))) = rest
            .split_once('{')
            .and_then(|(before, from)| Some((before, from.split_once('}')?)))
        {
            f.write_str(before)?;
            self.fill(name, f)?;
            rest = after;
        }
        f.write_str(rest)?;
        if !self.parts.is_empty() && !words.contains("{parts}") {
            f.write_str("; ")?;
            write_joined(&self.parts, f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = ReasonCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ReasonCode::ALL.len());
    }

    #[test]
    fn words_are_filled() {
        let counted = |count: u32, code| {
            Reason::new(ReasonCode::Counted, "count", count).of([Reason::from(code)])
        };
        let known = Reason::new(ReasonCode::WorkersKnown, "known", 3).of([
            counted(1, ReasonCode::WorkerDraining),
            counted(2, ReasonCode::WorkerDrained),
        ]);
        assert_eq!(
            Reason::from(ReasonCode::WaitsForWorker)
                .of([known])
                .to_string(),
            "waits for a worker: 3 known, 1 shutting down, 2 drained by an operator"
        );
    }

    #[test]
    fn parts_without_a_place_follow() {
        let others =
            Reason::from(ReasonCode::OfTheOthers).of([Reason::from(ReasonCode::WorkerOffline)]);
        assert_eq!(
            Reason::from(ReasonCode::WaitsForRoomOfOne)
                .of([others])
                .to_string(),
            "waits for room: the one worker that can run it is full; of the others taken off line by an operator"
        );
    }

    #[test]
    fn values_are_taken_as_they_are() {
        let reason = Reason::new(ReasonCode::Refused, "cause", "{cause} {parts}");
        assert_eq!(reason.to_string(), "{cause} {parts}");
    }
}
