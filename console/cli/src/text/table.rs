//! Tables without lines, as wide as they need and at most as wide as the terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::harmless;

/// Renders rows under a head. `right` lists the columns that are numbers.
pub(crate) fn render(
    width: Option<u16>,
    head: &[&str],
    right: &[usize],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(head);
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Renders names and values below each other; pairs without a value are left out.
pub(crate) fn facts(pairs: &[(&str, String)]) -> String {
    let shown = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in shown() {
        let indent = format!("\n{:width$}  ", "");
        let value = harmless(value.trim_end()).replace('\n', &indent);
        text.push_str(&format!("{name:width$}  {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_needed() {
        let rows = [("1", "short"), ("200", "a longer name")]
            .map(|(id, name)| vec![id.to_owned(), name.to_owned()]);
        assert_eq!(
            render(None, &["ID", "NAME"], &[0], rows),
            " ID  NAME\n  1  short\n200  a longer name"
        );
    }

    #[test]
    fn a_narrow_terminal_wraps_instead_of_overflowing() {
        let rows = [vec!["word ".repeat(20), "x".to_owned()]];
        let text = render(Some(40), &["TEXT", "X"], &[], rows);
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
    }

    #[test]
    fn facts_are_aligned_and_empty_ones_left_out() {
        let pairs = [
            ("name", "a".to_owned()),
            ("nothing", String::new()),
            ("text", "b\nc\n".to_owned()),
        ];
        assert_eq!(facts(&pairs), "name  a\ntext  b\n      c\n");
    }
}
