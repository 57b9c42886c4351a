//! Definitions of jobs in as few bytes as they need: about 100 besides their texts, where a
//! [`JobDefinition`] takes 700. In: a definition. Out: bytes, and back.
//!
//! The bytes never leave the process, so they have no version.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::{
    DispatchStrategy, ExecuteType, LogLevel, ProcessorType, SwitchableStatus, TimeExpressionType,
};
use powerjob_common::time::UnixMillis;
use powerjob_common::time_expression::Lifecycle;

use crate::domain::job::{JobDefinition, ScheduleSpec};
use crate::domain::policy::{BackOff, Misfire, Overlap, RetryPolicy, SchedulePolicy};

/// A packed definition.
#[derive(Debug)]
pub(super) struct PackedJob(Box<[u8]>);

impl PackedJob {
    pub(super) fn of(job: &JobDefinition) -> Self {
        let mut bytes = Packing(Vec::with_capacity(256));
        bytes.job(job);
        Self(bytes.0.into_boxed_slice())
    }

    pub(super) fn app_id(&self) -> AppId {
        AppId(Unpacking(&self.0).signed().unwrap_or_default())
    }

    pub(super) fn revision(&self) -> i64 {
        let mut bytes = Unpacking(&self.0);
        bytes.signed();
        bytes.signed().unwrap_or_default()
    }

    /// The definition; `None` never happens to what [`Self::of`] made.
    pub(super) fn unpack(&self, id: JobId) -> Option<JobDefinition> {
        Unpacking(&self.0).job(id)
    }
}

/// Numbers take seven bits a byte, the lowest first; texts follow their length.
struct Packing(Vec<u8>);

impl Packing {
    /// The application and the revision come first.
    fn job(&mut self, job: &JobDefinition) {
        let JobDefinition {
            id: _,
            app_id,
            revision,
            name,
            description,
            schedule,
            policy,
            execute_type,
            processor_type,
            processor,
            params,
            status,
            max_instances,
            concurrency,
            time_limit_ms,
            instance_retries,
            retry,
            task_retries,
            dispatch_strategy,
            dispatch_config,
            designated_workers,
            max_workers,
            min_cpu_cores,
            min_memory_gib,
            min_disk_gib,
            log_level,
            tag,
            no_worker_grace_ms,
            next_trigger_at,
            created_at,
            modified_at,
        } = job;
        self.signed(app_id.0);
        self.signed(*revision);
        self.text(name);
        self.text(description);
        self.schedule(schedule);
        self.policy(policy);
        self.code(execute_type.code());
        self.code(processor_type.code());
        self.text(processor);
        self.text(params);
        self.code(status.code());
        self.number((*max_instances).into());
        self.number((*concurrency).into());
        self.number(*time_limit_ms);
        self.number((*instance_retries).into());
        self.retry(retry);
        self.number((*task_retries).into());
        self.code(dispatch_strategy.code());
        self.text(dispatch_config);
        self.text(designated_workers);
        self.number((*max_workers).into());
        self.real(*min_cpu_cores);
        self.real(*min_memory_gib);
        self.real(*min_disk_gib);
        self.code(log_level.code());
        self.text(tag);
        self.number(*no_worker_grace_ms);
        self.instant(*next_trigger_at);
        self.signed(created_at.0);
        self.signed(modified_at.0);
    }

    fn schedule(&mut self, schedule: &ScheduleSpec) {
        let ScheduleSpec {
            kind,
            expression,
            zone,
            lifecycle: Lifecycle { start, end },
        } = schedule;
        self.code(kind.code());
        self.text(expression);
        self.number(zone.is_some().into());
        self.text(zone.as_deref().unwrap_or_default());
        self.instant(*start);
        self.instant(*end);
    }

    fn policy(&mut self, policy: &SchedulePolicy) {
        let SchedulePolicy {
            misfire,
            overlap,
            jitter_ms,
            second_level,
        } = policy;
        match misfire {
            Misfire::Once => self.number(0),
            Misfire::Skip => self.number(1),
            Misfire::CatchUp { runs } => {
                self.number(2);
                self.number((*runs).into());
            }
        }
        match overlap {
            Overlap::Allow => self.number(0),
            Overlap::Skip => self.number(1),
            Overlap::Replace => self.number(2),
            Overlap::Queue { limit } => {
                self.number(3);
                self.number((*limit).into());
            }
        }
        self.number((*jitter_ms).into());
        self.number((*second_level).into());
    }

    fn retry(&mut self, retry: &RetryPolicy) {
        let RetryPolicy { back_off, jitter } = retry;
        match back_off {
            BackOff::Fixed { delay_ms } => {
                self.number(0);
                self.number(*delay_ms);
            }
            BackOff::Exponential {
                first_ms,
                factor,
                limit_ms,
            } => {
                self.number(1);
                self.number(*first_ms);
                self.real(*factor);
                self.number(*limit_ms);
            }
        }
        self.real(*jitter);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Small numbers of either sign take one byte.
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn code(&mut self, code: i32) {
        self.signed(code.into());
    }

    fn instant(&mut self, instant: Option<UnixMillis>) {
        self.number(instant.is_some().into());
        if let Some(instant) = instant {
            self.signed(instant.0);
        }
    }

    fn real(&mut self, real: f64) {
        // The zeros of a short number's bits lie at their low end.
        self.number(real.to_bits().swap_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }
}

struct Unpacking<'a>(&'a [u8]);

impl Unpacking<'_> {
    fn job(&mut self, id: JobId) -> Option<JobDefinition> {
        Some(JobDefinition {
            id,
            app_id: AppId(self.signed()?),
            revision: self.signed()?,
            name: self.text()?,
            description: self.text()?,
            schedule: self.schedule()?,
            policy: self.policy()?,
            execute_type: ExecuteType::from_code(self.code()?)?,
            processor_type: ProcessorType::from_code(self.code()?)?,
            processor: self.text()?,
            params: self.text()?,
            status: SwitchableStatus::from_code(self.code()?)?,
            max_instances: self.small()?,
            concurrency: self.small()?,
            time_limit_ms: self.number()?,
            instance_retries: self.small()?,
            retry: self.retry()?,
            task_retries: self.small()?,
            dispatch_strategy: DispatchStrategy::from_code(self.code()?)?,
            dispatch_config: self.text()?,
            designated_workers: self.text()?,
            max_workers: self.small()?,
            min_cpu_cores: self.real()?,
            min_memory_gib: self.real()?,
            min_disk_gib: self.real()?,
            log_level: LogLevel::from_code(self.code()?)?,
            tag: self.text()?,
            no_worker_grace_ms: self.number()?,
            next_trigger_at: self.instant()?,
            created_at: UnixMillis(self.signed()?),
            modified_at: UnixMillis(self.signed()?),
        })
    }

    fn schedule(&mut self) -> Option<ScheduleSpec> {
        let kind = TimeExpressionType::from_code(self.code()?)?;
        let expression = self.text()?;
        let (has_zone, zone) = (self.number()? > 0, self.text()?);
        Some(ScheduleSpec {
            kind,
            expression,
            zone: has_zone.then_some(zone),
            lifecycle: Lifecycle {
                start: self.instant()?,
                end: self.instant()?,
            },
        })
    }

    fn policy(&mut self) -> Option<SchedulePolicy> {
        Some(SchedulePolicy {
            misfire: match self.number()? {
                0 => Misfire::Once,
                1 => Misfire::Skip,
                _ => Misfire::CatchUp {
                    runs: self.small()?,
                },
            },
            overlap: match self.number()? {
                0 => Overlap::Allow,
                1 => Overlap::Skip,
                2 => Overlap::Replace,
                _ => Overlap::Queue {
                    limit: self.small()?,
                },
            },
            jitter_ms: self.small()?,
            second_level: self.number()? > 0,
        })
    }

    fn retry(&mut self) -> Option<RetryPolicy> {
        let back_off = match self.number()? {
            0 => BackOff::Fixed {
                delay_ms: self.number()?,
            },
            _ => BackOff::Exponential {
                first_ms: self.number()?,
                factor: self.real()?,
                limit_ms: self.number()?,
            },
        };
        Some(RetryPolicy {
            back_off,
            jitter: self.real()?,
        })
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn code(&mut self) -> Option<i32> {
        self.signed()?.try_into().ok()
    }

    /// Whether there is an instant, and then the instant.
    fn instant(&mut self) -> Option<Option<UnixMillis>> {
        match self.number()? {
            0 => Some(None),
            _ => Some(Some(UnixMillis(self.signed()?))),
        }
    }

    fn real(&mut self) -> Option<f64> {
        Some(f64::from_bits(self.number()?.swap_bytes()))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::worker_filter::tests::job;

    fn plain() -> JobDefinition {
        JobDefinition {
            app_id: AppId(3),
            revision: 2,
            name: "nightly-report-0001".to_owned(),
            schedule: ScheduleSpec {
                kind: TimeExpressionType::Cron,
                expression: "0 0 3 * * ?".to_owned(),
                zone: None,
                lifecycle: Lifecycle::ALWAYS,
            },
            params: r#"{"region":"north"}"#.to_owned(),
            next_trigger_at: Some(UnixMillis(1_795_234_894_795)),
            created_at: UnixMillis(1_795_234_894_795),
            modified_at: UnixMillis(1_795_234_894_795),
            ..job()
        }
    }

    #[test]
    fn an_ordinary_job_takes_few_bytes() {
        let packed = PackedJob::of(&plain());
        assert!(packed.0.len() <= 140, "{} bytes", packed.0.len());
        assert_eq!((packed.app_id(), packed.revision()), (AppId(3), 2));
    }

    fn misfires() -> impl Strategy<Value = Misfire> {
        prop_oneof![
            Just(Misfire::Skip),
            Just(Misfire::Once),
            any::<u32>().prop_map(|runs| Misfire::CatchUp { runs }),
        ]
    }

    fn overlaps() -> impl Strategy<Value = Overlap> {
        prop_oneof![
            Just(Overlap::Allow),
            Just(Overlap::Skip),
            Just(Overlap::Replace),
            any::<u32>().prop_map(|limit| Overlap::Queue { limit }),
        ]
    }

    fn back_offs() -> impl Strategy<Value = BackOff> {
        prop_oneof![
            any::<u64>().prop_map(|delay_ms| BackOff::Fixed { delay_ms }),
            (any::<u64>(), 1.0..100.0, any::<u64>()).prop_map(|(first_ms, factor, limit_ms)| {
                BackOff::Exponential {
                    first_ms,
                    factor,
                    limit_ms,
                }
            }),
        ]
    }

    fn instants() -> impl Strategy<Value = Option<UnixMillis>> {
        proptest::option::of(any::<i64>().prop_map(UnixMillis))
    }

    proptest! {
        #[test]
        fn every_job_comes_back(
            texts in proptest::collection::vec(".{0,20}", 8),
            numbers in proptest::collection::vec(any::<u32>(), 6),
            (misfire, overlap, back_off) in (misfires(), overlaps(), back_offs()),
            times in (instants(), instants(), instants()),
            reals in (0.0..1.0, 0.0..1e6, any::<i64>(), any::<u64>()),
            zone in proptest::option::of(".{0,12}"),
        ) {
            let (share, cores, signed, unsigned) = reals;
            let text = |at: usize| texts[at].clone();
            let job = JobDefinition {
                revision: signed,
                name: text(0),
                description: text(1),
                schedule: ScheduleSpec {
                    kind: TimeExpressionType::FixedRate,
                    expression: text(2),
                    zone,
                    lifecycle: Lifecycle { start: times.0, end: times.1 },
                },
                policy: SchedulePolicy { misfire, overlap, jitter_ms: numbers[0], second_level: numbers[0] % 2 == 1 },
                processor: text(3),
                params: text(4),
                max_instances: numbers[1],
                concurrency: numbers[2],
                time_limit_ms: unsigned,
                instance_retries: numbers[3],
                retry: RetryPolicy { back_off, jitter: share },
                task_retries: numbers[4],
                dispatch_config: text(5),
                designated_workers: text(6),
                max_workers: numbers[5],
                min_cpu_cores: cores,
                min_memory_gib: share,
                min_disk_gib: -cores,
                tag: text(7),
                no_worker_grace_ms: unsigned,
                next_trigger_at: times.2,
                created_at: UnixMillis(signed),
                ..plain()
            };
            prop_assert_eq!(PackedJob::of(&job).unpack(job.id), Some(job));
        }
    }
}
