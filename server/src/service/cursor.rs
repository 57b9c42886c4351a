//! Pages of lists that are sorted in memory.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use powerjob_protocol::api::page::Page;

use super::ServiceError;

/// The piece of a sorted list that a cursor asks for.
///
/// The cursor names the list (with its order), the last item that was shown and its place: the
/// piece begins after that item, or at its place when it is gone meanwhile.
pub(super) fn page<T>(
    list: &str,
    items: Vec<T>,
    id: impl Fn(&T) -> i64,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<T>, ServiceError> {
    let total = items.len();
    let start = match cursor {
        None => 0,
        Some(cursor) => {
            let (last, place) = decode(list, cursor).ok_or(ServiceError::InvalidCursor)?;
            items
                .iter()
                .position(|item| id(item) == last)
                .map_or(place, |found| found + 1)
        }
    };
    let limit = limit as usize;
    let items: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let end = start + items.len();
    let next_cursor = match items.last() {
        Some(last) if end < total => Some(encode(list, id(last), end)),
        _ => None,
    };
    Ok(Page {
        items,
        next_cursor,
        total: Some(total as u64),
    })
}

/// A cursor that carries any text, for a list of this name.
pub(super) fn encode_text(list: &str, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{text}"))
}

/// The text of a cursor, if it belongs to the list.
pub(super) fn decode_text(list: &str, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.strip_prefix(list)?.strip_prefix(':')?.to_owned())
}

fn encode(list: &str, last: i64, place: usize) -> String {
    encode_text(list, &format!("{last}:{place}"))
}

fn decode(list: &str, cursor: &str) -> Option<(i64, usize)> {
    let text = decode_text(list, cursor)?;
    let (last, place) = text.split_once(':')?;
    Some((last.parse().ok()?, place.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(items: &[i64], cursor: Option<&str>) -> Page<i64> {
        page("list", items.to_vec(), |item| *item, cursor, 2).expect("a page")
    }

    #[test]
    fn a_list_is_walked_without_gaps() {
        let first = piece(&[1, 2, 3, 4, 5], None);
        assert_eq!((first.items, first.total), (vec![1, 2], Some(5)));
        let second = piece(&[1, 2, 3, 4, 5], first.next_cursor.as_deref());
        assert_eq!(second.items, [3, 4]);
        let third = piece(&[1, 2, 3, 4, 5], second.next_cursor.as_deref());
        assert_eq!((third.items, third.next_cursor), (vec![5], None));
    }

    #[test]
    fn changes_between_pages_neither_repeat_nor_skip() {
        let first = piece(&[1, 2, 3], None);
        let cursor = first.next_cursor.as_deref();
        assert_eq!(
            piece(&[0, 1, 2, 3], cursor).items,
            [3],
            "an item came in before"
        );
        assert_eq!(
            piece(&[1, 3], cursor).items,
            Vec::<i64>::new(),
            "the last item is gone"
        );
    }

    #[test]
    fn foreign_cursors_are_refused() {
        let other = encode("other", 1, 1);
        for cursor in ["", "x", "!", other.as_str()] {
            let found = page("list", vec![1], |item| *item, Some(cursor), 2);
            assert_eq!(found, Err(ServiceError::InvalidCursor), "{cursor}");
        }
    }
}
