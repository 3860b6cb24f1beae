//! Columns of text, as wide as their widest cell.

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows under a header.
pub struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// `columns` as name and alignment.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            align: columns.iter().map(|(_, align)| *align).collect(),
            rows: vec![columns.iter().map(|(name, _)| (*name).to_owned()).collect()],
        }
    }

    /// A row; cells past the last column are not shown.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// All lines, indented by two.
    pub fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = (0..self.align.len()).map(|c| self.width(c)).collect();
        self.rows
            .iter()
            .map(|row| {
                let cells = row.iter().zip(&widths).zip(&self.align);
                let cells: Vec<String> = cells
                    .map(|((cell, width), align)| match align {
                        Align::Left => format!("{cell:<width$}"),
                        Align::Right => format!("{cell:>width$}"),
                    })
                    .collect();
                format!("  {}", cells.join("  ")).trim_end().to_owned()
            })
            .collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("account", Align::Left), ("margin", Align::Right)]);
        table.row(["a", "1,234,567"]);
        table.row(["condor", "5"]);
        assert_eq!(
            table.lines(),
            [
                "  account     margin",
                "  a        1,234,567",
                "  condor           5"
            ]
        );
    }
}
