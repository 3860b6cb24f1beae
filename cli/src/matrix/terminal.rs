//! The pictures as text: plain, or with colours where the reader's terminal takes them.

use risk_document::{dollars, move_label, Curve, Node, Picture, POINTS};

use super::SMALL;

/// Columns that lines are kept to.
const WIDTH: usize = 100;
/// Columns of a row's label, rows and columns of the curve.
const LABEL: usize = 10;
const HEIGHT: usize = 15;
const ACROSS: usize = 81;

/// All pictures, one under the other.
pub fn draw(pictures: &[Picture], colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, picture) in pictures.iter().enumerate() {
        if index > 0 {
            lines.push(String::new());
        }
        let cents = picture.scale() < SMALL;
        lines.extend(heading(picture, cents));
        lines.extend(matrix(picture, cents, colour));
        lines.push(String::new());
        lines.extend(chart(&picture.curve, cents));
    }
    if pictures.is_empty() {
        lines.push("No market holds anything.".to_owned());
    }
    lines
}

fn heading(picture: &Picture, cents: bool) -> Vec<String> {
    let spot = i64::try_from(picture.spot / 100).unwrap_or(i64::MAX);
    let (spot, mark) = (dollars(spot, true), dollars(picture.mark, cents));
    let scan = dollars(picture.scan, cents);
    vec![
        format!("{}  spot {spot} USD, mark {mark} USD", picture.name),
        format!("worst: {} -> {scan} USD", picture.worst),
        String::new(),
    ]
}

/// The matrix in blocks that fit the width, then tails and skew nodes.
fn matrix(picture: &Picture, cents: bool, colour: bool) -> Vec<String> {
    let shown = |node: &Node| dollars(node.pnl, cents).len() + 2;
    let width = picture.nodes.iter().map(shown).max().unwrap_or(0).max(9);
    let columns = picture.columns();
    let rows = picture.rows(&columns);
    let block = ((WIDTH - LABEL) / width).max(1);
    let mut lines = Vec::new();
    for (number, part) in columns.chunks(block).enumerate() {
        let labels: String = part
            .iter()
            .map(|spot| format!("{:>width$}", move_label(*spot)))
            .collect();
        lines.push(format!("{:<LABEL$}{labels}", "spot"));
        for row in &rows {
            let cells = row.nodes.iter().skip(number * block).take(part.len());
            let cells: String = cells
                .map(|node| cell(*node, width, cents, colour))
                .collect();
            lines.push(
                format!("{:<LABEL$}{cells}", row.shock)
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    let others = picture.others();
    let wide = others
        .iter()
        .map(|(label, _)| label.len() + 2)
        .max()
        .unwrap_or(0)
        .max(width);
    for part in others.chunks(((WIDTH - LABEL) / wide.max(1)).max(1)) {
        let labels: String = part
            .iter()
            .map(|(label, _)| format!("{label:>wide$}"))
            .collect();
        let cells = part
            .iter()
            .map(|(_, node)| cell(Some(*node), wide, cents, colour));
        lines.push(format!("{:<LABEL$}{labels}", "beyond"));
        lines.push(
            format!("{:<LABEL$}{}", "", cells.collect::<String>())
                .trim_end()
                .to_owned(),
        );
    }
    lines
}

/// A value; a star marks the worst, and colour says gain or loss again.
fn cell(node: Option<&Node>, width: usize, cents: bool, colour: bool) -> String {
    let Some(node) = node else {
        return format!("{:>width$}", "");
    };
    let star = if node.is_worst { "*" } else { "" };
    let text = format!("{:>width$}", format!("{}{star}", dollars(node.pnl, cents)));
    if !colour || node.pnl == 0 {
        return text;
    }
    let ink = match (node.pnl < 0, node.is_worst) {
        (true, true) => "1;37;41",
        (true, false) => "31",
        (false, _) => "32",
    };
    let value = text.trim_start();
    let room = text.len() - value.len();
    format!("{:room$}\x1b[{ink}m{value}\x1b[0m", "")
}

/// The curves over spot: `*` today, `o` at the first expiry, the line of zero between.
fn chart(curve: &Curve, cents: bool) -> Vec<String> {
    let (least, most) = curve.bounds();
    let span = i128::from(most) - i128::from(least);
    let last = HEIGHT as i128 - 1;
    let row = |gain: i64| -> usize {
        let up = (i128::from(gain) - i128::from(least)) * last;
        let up = (up + span / 2).checked_div(span).unwrap_or(0);
        usize::try_from(last - up).unwrap_or(0)
    };
    let mut canvas = vec![vec![' '; ACROSS]; HEIGHT];
    let mut plot = |column: usize, row: usize, mark: char| {
        if let Some(spot) = canvas.get_mut(row).and_then(|line| line.get_mut(column)) {
            *spot = mark;
        }
    };
    let points = |gains: &[i64]| -> Vec<i64> {
        let at = |column: usize| gains.get(column * (POINTS - 1) / (ACROSS - 1)).copied();
        (0..ACROSS).filter_map(at).collect()
    };
    for column in 0..ACROSS {
        plot(column, row(0), '-');
    }
    for (column, spot) in points(&curve.spots).windows(2).enumerate() {
        if let [left, right] = spot {
            if *left <= 1_000_000 && *right > 1_000_000 {
                (0..HEIGHT).for_each(|row| plot(column, row, '|'));
            }
        }
    }
    for (gains, mark) in [(curve.later.as_ref(), 'o'), (Some(&curve.now), '*')] {
        for (column, gain) in gains
            .map(|gains| points(gains))
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            plot(column, row(gain), mark);
        }
    }
    framed(curve, &canvas, [row(most), row(0), row(least)], cents)
}

/// The canvas with amounts on the left and spot below.
fn framed(curve: &Curve, canvas: &[Vec<char>], places: [usize; 3], cents: bool) -> Vec<String> {
    let (least, most) = curve.bounds();
    let amounts = [most, 0, least].map(|amount| dollars(amount, cents));
    let width = amounts
        .iter()
        .map(String::len)
        .max()
        .unwrap_or(0)
        .max(LABEL - 1);
    let lines = canvas.iter().enumerate().map(|(row, line)| {
        let found = places.iter().position(|place| *place == row);
        let amount = found
            .and_then(|found| amounts.get(found))
            .map_or("", String::as_str);
        let line: String = line.iter().collect();
        format!("{amount:>width$} {line}").trim_end().to_owned()
    });
    let mut lines: Vec<String> = lines.collect();
    let ends = [curve.spots.first(), curve.spots.last()]
        .map(|spot| spot.map_or(String::new(), |s| move_label(*s)));
    let [first, last] = &ends;
    let room = ACROSS.saturating_sub(first.len());
    lines.push(format!("{:width$} {first}{last:>room$}", ""));
    let later = if curve.later.is_some() {
        "   o at the first expiry"
    } else {
        ""
    };
    lines.push(format!("{:width$} gain over spot:  * now{later}", ""));
    lines
}
