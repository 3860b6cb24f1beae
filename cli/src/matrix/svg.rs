//! The pictures as one SVG file: heat maps with printed values, and payoff curves.

use std::fmt::Write;

use risk_document::{dollars, move_label, Curve, Node, Picture};

use super::SMALL;

/// Sizes in pixels.
const WIDTH: i64 = 960;
const MARGIN: i64 = 24;
const LABEL: i64 = 84;
const CELL_HEIGHT: i64 = 30;
const CHART_HEIGHT: i64 = 260;

const STYLE: &str = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#111827}.title{font-size:18px;font-weight:700}.soft{fill:#4b5563}\
.end{text-anchor:end}.mid{text-anchor:middle}.worst{stroke:#111827;stroke-width:3}";

/// The file's text.
pub fn draw(pictures: &[Picture]) -> String {
    let mut body = String::new();
    let mut top = MARGIN;
    for picture in pictures {
        top = draw_one(&mut body, picture, top) + 2 * MARGIN;
    }
    let height = top.max(4 * MARGIN);
    let what = "Profit and loss per scenario, and over spot";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>{what}</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// Draws a market from `top` down and returns where it ends.
fn draw_one(body: &mut String, picture: &Picture, top: i64) -> i64 {
    let cents = picture.scale() < SMALL;
    let mut y = top + 18;
    text(body, "title", MARGIN, y, &picture.name);
    y += 22;
    let worst = format!(
        "worst: {} -> {} USD",
        picture.worst,
        dollars(picture.scan, cents)
    );
    text(body, "soft", MARGIN, y, &worst);
    y += 14;
    let columns = picture.columns();
    let width = cell_width(columns.len());
    for (place, spot) in columns.iter().enumerate() {
        text(
            body,
            "soft mid",
            cell_x(place, width) + width / 2,
            y + 12,
            &move_label(*spot),
        );
    }
    y += 18;
    let scale = picture.scale();
    for row in picture.rows(&columns) {
        text(body, "soft", MARGIN, y + 19, row.shock);
        for (place, node) in row.nodes.iter().enumerate() {
            if let Some(node) = node {
                cell(body, node, [cell_x(place, width), y, width], scale, cents);
            }
        }
        y += CELL_HEIGHT + 2;
    }
    let others = picture.others();
    let width = cell_width(6);
    for part in others.chunks(6) {
        y += 6;
        for (place, (label, node)) in part.iter().enumerate() {
            let x = cell_x(place, width);
            text(body, "soft mid", x + width / 2, y + 12, label);
            cell(body, node, [x, y + 18, width], scale, cents);
        }
        y += 20 + CELL_HEIGHT;
    }
    chart(body, &picture.curve, y + MARGIN, cents)
}

fn cell_width(count: usize) -> i64 {
    (WIDTH - 2 * MARGIN - LABEL) / i64::try_from(count.max(1)).unwrap_or(1)
}

fn cell_x(place: usize, width: i64) -> i64 {
    MARGIN + LABEL + i64::try_from(place).unwrap_or(0) * width
}

/// A value on a ground that is redder the more is lost, greener the more is gained.
fn cell(body: &mut String, node: &Node, [x, y, width]: [i64; 3], scale: u64, cents: bool) {
    // Square root: small amounts remain visible beside a large one. Strength from 0 to 180.
    let share = u128::from(node.pnl.unsigned_abs()) * 32_400 / u128::from(scale.max(1));
    let pale = 240 - share.isqrt().min(180);
    let fill = match node.pnl {
        0 => "#f3f4f6".to_owned(),
        ..0 => format!("#ff{pale:02x}{pale:02x}"),
        _ => format!("#{pale:02x}fa{pale:02x}"),
    };
    let class = if node.is_worst {
        " class=\"worst\""
    } else {
        ""
    };
    let inner = width - 2;
    let _ = writeln!(
        body,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{inner}\" height=\"{CELL_HEIGHT}\" fill=\"{fill}\"{class}/>"
    );
    text(
        body,
        "mid",
        x + inner / 2,
        y + 19,
        &dollars(node.pnl, cents),
    );
}

/// Where gains and spots stand in a chart, in tenths of a pixel.
struct Frame {
    top: i64,
    least: i64,
    most: i64,
    first: i64,
    last: i64,
}

impl Frame {
    const LEFT: i64 = MARGIN + LABEL;
    const RIGHT: i64 = WIDTH - MARGIN;

    fn x(&self, spot: i64) -> i64 {
        let length = 10 * (Self::RIGHT - Self::LEFT);
        10 * Self::LEFT + scaled(spot, self.first, self.last, length)
    }

    fn y(&self, gain: i64) -> i64 {
        10 * (self.top + CHART_HEIGHT) - scaled(gain, self.least, self.most, 10 * CHART_HEIGHT)
    }

    fn line(&self, body: &mut String, [x1, y1, x2, y2]: [i64; 4]) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(pixels);
        let _ = writeln!(
            body,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#9ca3af\"/>"
        );
    }

    fn curve(&self, body: &mut String, spots: &[i64], gains: &[i64], ink: &str) {
        let points = spots
            .iter()
            .zip(gains)
            .map(|(spot, gain)| format!("{},{}", pixels(self.x(*spot)), pixels(self.y(*gain))));
        let points = points.collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            body,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"2\"/>"
        );
    }
}

/// The curves; returns where the chart ends.
fn chart(body: &mut String, curve: &Curve, top: i64, cents: bool) -> i64 {
    let (least, most) = curve.bounds();
    let end = |spot: Option<&i64>| spot.copied().unwrap_or(1_000_000);
    let frame = Frame {
        top,
        least,
        most,
        first: end(curve.spots.first()),
        last: end(curve.spots.last()),
    };
    let (zero, here) = (frame.y(0), frame.x(1_000_000));
    frame.line(body, [10 * Frame::LEFT, zero, 10 * Frame::RIGHT, zero]);
    frame.line(body, [here, 10 * top, here, 10 * (top + CHART_HEIGHT)]);
    let later = curve.later.as_deref().unwrap_or_default();
    frame.curve(body, &curve.spots, later, "#b45309");
    frame.curve(body, &curve.spots, &curve.now, "#1d4ed8");
    for amount in [most, 0, least] {
        let room = (frame.y(amount) - zero).abs();
        if amount == 0 || room > 160 {
            let y = frame.y(amount) / 10 + 4;
            text(
                body,
                "soft end",
                Frame::LEFT - 6,
                y,
                &dollars(amount, cents),
            );
        }
    }
    let bottom = top + CHART_HEIGHT + 18;
    text(body, "soft", Frame::LEFT, bottom, &move_label(frame.first));
    text(body, "soft mid", here / 10, bottom, "spot");
    text(
        body,
        "soft end",
        Frame::RIGHT,
        bottom,
        &move_label(frame.last),
    );
    let what = match curve.later {
        Some(_) => "gain in USD over spot; blue: now, brown: at the first expiry",
        None => "gain in USD over spot",
    };
    text(body, "soft", Frame::LEFT, bottom + 18, what);
    bottom + 18
}

/// Where `value` stands on a length between `least` and `most`; 0 where there is no span.
fn scaled(value: i64, least: i64, most: i64, length: i64) -> i64 {
    let distance = |to: i64| i128::from(to) - i128::from(least);
    let scaled = (distance(value) * i128::from(length)).checked_div(distance(most));
    scaled
        .and_then(|value| i64::try_from(value).ok())
        .unwrap_or(0)
}

/// Tenths of a pixel as pixels.
fn pixels(tenths: i64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn text(body: &mut String, class: &str, x: i64, y: i64, words: &str) {
    let words = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        body,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{words}</text>"
    );
}
