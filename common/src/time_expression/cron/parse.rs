//! Which patterns does the text of a CRON expression hold?
//!
//! Invariants:
//! 1. White space is a run of blank, tab, line feed, carriage return, vertical tab or form feed;
//!    nothing else separates fields. Leading and trailing control characters are dropped.
//! 2. Letters fold to upper case by Unicode's rules before anything is read.
//! 3. An empty alternative is refused, except at the end, where it is harmless.

use super::field::{self, Field};
use super::search::Pattern;
use crate::reason::{Reason, ReasonCode};
use crate::time_expression::{InvalidExpression, found};

const FIELDS: [Field; 7] = [
    Field::Second,
    Field::Minute,
    Field::Hour,
    Field::DayOfMonth,
    Field::Month,
    Field::DayOfWeek,
    Field::Year,
];

/// Reads an expression, resolving `||` (union) and `|` (paired alternatives).
pub(super) fn patterns(expression: &str) -> Result<Vec<Pattern>, InvalidExpression> {
    let parts = if expression.contains("||") {
        split_dropping_empty_tail(expression, "||")
    } else {
        vec![expression]
    };
    if parts.is_empty() {
        return Err(whole(ReasonCode::CronOnlyBars));
    }
    let mut patterns = Vec::new();
    for part in parts {
        for tokens in paired_alternatives(part)? {
            patterns.push(pattern(&tokens)?);
        }
    }
    Ok(patterns)
}

/// One list of field texts for each alternative that the fields of `part` offer.
fn paired_alternatives(part: &str) -> Result<Vec<Vec<String>>, InvalidExpression> {
    let tokens = fields_of(part);
    if tokens.is_empty() {
        return Err(whole(ReasonCode::CronEmpty));
    }
    let choices: Vec<Vec<&str>> = tokens
        .iter()
        .map(|token| split_dropping_empty_tail(token, "|"))
        .collect();
    let count = choices.iter().map(Vec::len).max().unwrap_or(0).max(1);
    (0..count)
        .map(|index| alternative(&tokens, &choices, index))
        .collect()
}

fn alternative(
    tokens: &[String],
    choices: &[Vec<&str>],
    index: usize,
) -> Result<Vec<String>, InvalidExpression> {
    let choose = |(token, choices): (&String, &Vec<&str>)| {
        if !token.contains('|') {
            return Ok(token.clone());
        }
        match choices.get(index) {
            Some(choice) if !choice.is_empty() => Ok((*choice).to_owned()),
            _ => Err(whole(
                found(ReasonCode::CronAlternatives, token).with("number", index + 1),
            )),
        }
    };
    tokens.iter().zip(choices).map(choose).collect()
}

fn pattern(tokens: &[String]) -> Result<Pattern, InvalidExpression> {
    if tokens[0].starts_with('@') {
        return Err(whole(found(ReasonCode::CronNickname, &tokens[0])));
    }
    if !(6..=7).contains(&tokens.len()) {
        return Err(whole(match tokens.len() {
            5 => ReasonCode::CronFiveFields.into(),
            count => Reason::new(ReasonCode::CronFieldCount, "count", count),
        }));
    }
    let fields = FIELDS
        .iter()
        .zip(tokens)
        .map(|(field, token)| field::parse(*field, token))
        .collect::<Result<Vec<_>, _>>()?;
    Pattern::new(&fields)
}

fn fields_of(part: &str) -> Vec<String> {
    part.trim_matches(|character| character <= ' ')
        .split([' ', '\t', '\n', '\r', '\x0B', '\x0C'])
        .filter(|token| !token.is_empty())
        .map(str::to_uppercase)
        .collect()
}

/// Splits, and forgets the empty pieces at the end.
pub(super) fn split_dropping_empty_tail<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut pieces: Vec<&str> = text.split(separator).collect();
    while pieces.last().is_some_and(|piece| piece.is_empty()) {
        pieces.pop();
    }
    pieces
}

fn whole(reason: impl Into<Reason>) -> InvalidExpression {
    InvalidExpression::new("timeExpression", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_split_into_as_many_patterns_as_they_have_alternatives() {
        for (expression, expected) in [
            ("0 0 0 * * ?", 1),
            ("0 0 0 * * ?||", 1),
            ("0 0 0 * * ? || 0 0 1 * * ?", 2),
            ("0 0|30 10|12 * * ?", 2),
            ("0 0|15|45 10 * * ?||0 0 0 1 1 ?", 4),
            ("0 30| 10 * * ?", 1),
            ("\u{0} 0 0 0 * * ?\u{1F}", 1),
        ] {
            assert_eq!(
                patterns(expression).map(|found| found.len()),
                Ok(expected),
                "{expression:?}"
            );
        }
    }

    #[test]
    fn malformed_wholes_are_refused_as_wholes() {
        for expression in [
            "",
            "  ",
            "||",
            "|",
            "@daily",
            "@foo",
            "* * * * *",
            "0 0 0 * * ? 2030 x",
            "hello",
            "||0 0 0 * * ?",
            "0 0 0 * * ?||||0 0 1 * * ?",
            "0 0|30 10|11|12 * * ?",
            "0 0 0 * * ? |",
            "| 0 0 0 * * ?",
            "0 |5 0 * * ?",
            "0\u{0}0 0 * * ?",
        ] {
            let error = patterns(expression)
                .map(|found| found.len())
                .expect_err(expression);
            assert_eq!(error.field, "timeExpression", "{expression:?}: {error}");
        }
    }

    #[test]
    fn no_break_space_is_not_white_space() {
        let error = patterns("0 0 0 * * ?\u{a0}")
            .map(|found| found.len())
            .expect_err("refused");
        assert_eq!(error.field, "day-of-week");
    }
}
