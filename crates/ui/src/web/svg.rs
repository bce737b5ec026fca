//! Pictures: timelines, charts, graphs of plans and stages; made here, so that a page needs no library.

use std::fmt::Write;

use maud::{Markup, Render, html};

use super::view::{duration, nanos, raw, short, time};
use crate::model::Status;

/// Something that lasted.
#[derive(Debug)]
pub struct Span {
    pub label: String,
    pub link: String,
    pub from_ms: i64,
    pub until_ms: i64,
    pub status: Status,
}

/// Timelines of more lines are folded up, so that what comes below is seen.
const MAX_OPEN: usize = 12;

/// What ran when, one line each; of more than `most` the latest.
pub fn timeline(title: &str, mut spans: Vec<Span>, most: usize) -> Markup {
    if spans.is_empty() || most == 0 {
        return html! {};
    }
    spans.sort_by_key(|span| span.from_ms);
    let dropped = spans.len().saturating_sub(most);
    spans.drain(..dropped);
    let from = spans.iter().map(|span| span.from_ms).min().unwrap_or(0);
    let until = spans.iter().map(|span| span.until_ms).max().unwrap_or(0).max(from + 1);
    let (left, width, row) = (250.0, 900.0, 20.0);
    let height = spans.len() as f64 * row + 34.0;
    let x = |ms: i64| left + (ms - from) as f64 / (until - from) as f64 * width;
    let mut out = head(left + width + 110.0, height, title);
    for step in 0..=4 {
        let at = left + width * f64::from(step) / 4.0;
        let ns = (until - from) * i64::from(step) * 250_000;
        let after = if ns % 1_000_000 == 0 { duration(ns / 1_000_000) } else { nanos(ns) };
        push(
            &mut out,
            format_args!("<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"18\" y2=\"{height:.1}\"/>"),
        );
        push(
            &mut out,
            format_args!("<text class=\"soft\" x=\"{at:.1}\" y=\"12\" text-anchor=\"middle\">+{after}</text>"),
        );
    }
    for (index, span) in spans.iter().enumerate() {
        let y = 22.0 + index as f64 * row;
        let (from, until) = (x(span.from_ms), x(span.until_ms));
        let class = match span.status {
            Status::Succeeded => "",
            Status::Failed | Status::Killed => " bad",
            Status::Running => " run",
            _ => " soft",
        };
        let width = (until - from).max(2.0);
        let took = duration(span.until_ms - span.from_ms);
        push(&mut out, format_args!("<a href=\"{}\">", escaped(&span.link)));
        push(&mut out, format_args!("<title>{}: {took} from {}</title>", escaped(&span.label), time(span.from_ms)));
        push(
            &mut out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                y + 12.0,
                escaped(&short(&span.label, 30))
            ),
        );
        push(
            &mut out,
            format_args!(
                "<rect class=\"bar{class}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"3\"/>",
                row - 6.0
            ),
        );
        push(
            &mut out,
            format_args!(
                "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{took}</text></a>",
                from + width + 6.0,
                y + 12.0
            ),
        );
    }
    out.push_str("</svg>");
    html! {
        details open[spans.len() <= MAX_OPEN] { summary { (title) }
            @if dropped > 0 { p.soft { "The last " (most) " of " (dropped + most) "." } }
            div.chart tabindex="0" role="group" aria-label=(title) { (raw(out)) }
        }
    }
}

/// A line over time.
pub fn chart(title: &str, points: &[(i64, f64)], shown: impl Fn(f64) -> String) -> Markup {
    let (width, height, left, bottom) = (420.0, 150.0, 62.0, 22.0);
    let mut out = head(width, height, title);
    let max = points.iter().map(|(_, value)| *value).fold(0.0_f64, f64::max);
    let scale = if max > 0.0 { max } else { 1.0 };
    let from = points.first().map_or(0, |point| point.0);
    let until = points.last().map_or(1, |point| point.0).max(from + 1);
    let x = |ms: i64| left + (ms - from) as f64 / (until - from) as f64 * (width - left - 10.0);
    let y = |value: f64| 10.0 + (1.0 - value / scale) * (height - bottom - 10.0);
    let middle = shown(scale / 2.0);
    for part in [0.0, 0.5, 1.0] {
        let at = y(scale * part);
        if part == 0.5 && (middle == shown(scale) || middle == shown(0.0)) {
            continue;
        }
        push(
            &mut out,
            format_args!("<line class=\"axis\" x1=\"{left}\" x2=\"{width}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"),
        );
        push(
            &mut out,
            format_args!(
                "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                at + 4.0,
                escaped(&shown(scale * part))
            ),
        );
    }
    if !points.is_empty() {
        let line: Vec<String> = points.iter().map(|(ms, value)| format!("{:.1},{:.1}", x(*ms), y(*value))).collect();
        let line = line.join(" ");
        let base = y(0.0);
        push(
            &mut out,
            format_args!(
                "<polygon class=\"area\" points=\"{:.1},{base:.1} {line} {:.1},{base:.1}\"/>",
                x(from),
                x(until)
            ),
        );
        push(&mut out, format_args!("<polyline class=\"line\" points=\"{line}\"/>"));
        for (ms, value) in points.iter().rev().take(1) {
            push(
                &mut out,
                format_args!(
                    "<circle class=\"bar run\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}</title></circle>",
                    x(*ms),
                    y(*value),
                    escaped(&shown(*value))
                ),
            );
        }
        push(
            &mut out,
            format_args!("<text class=\"soft\" x=\"{left}\" y=\"{:.1}\">{}</text>", height - 5.0, time(from)),
        );
        push(
            &mut out,
            format_args!(
                "<text class=\"soft\" x=\"{width}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                height - 5.0,
                time(until)
            ),
        );
    }
    out.push_str("</svg>");
    let last = points.last().map(|(_, value)| shown(*value)).unwrap_or_default();
    html! { figure { figcaption { (title) @if !last.is_empty() { span.soft { " now " (last) } } } (raw(out)) } }
}

/// A box of a graph.
#[derive(Debug, Default)]
pub struct Box_ {
    pub lines: Vec<String>,
    pub link: String,
    pub is_hot: bool,
    pub has_advice: bool,
    /// Boxes whose rows come in.
    pub inputs: Vec<usize>,
    /// What stands at the edge to the box that takes the rows.
    pub edge: String,
}

const BOX_WIDTH: f64 = 190.0;
const LINE: f64 = 16.0;

/// A tree: its root, box 0, at the bottom, as Spark draws plans.
pub fn tree(title: &str, boxes: &[Box_]) -> Markup {
    if boxes.is_empty() {
        return html! {};
    }
    let mut depth = vec![0_usize; boxes.len()];
    let mut x = vec![0.0_f64; boxes.len()];
    let mut next = 0.0;
    place(boxes, 0, 0, &mut depth, &mut x, &mut next);
    let deepest = depth.iter().copied().max().unwrap_or(0);
    let box_height = boxes.iter().map(|own| own.lines.len()).max().unwrap_or(1) as f64 * LINE + 12.0;
    let step = box_height + 34.0;
    let y = |index: usize| 10.0 + (deepest - depth[index]) as f64 * step;
    let (width, height) = (next * (BOX_WIDTH + 24.0) + 10.0, (deepest + 1) as f64 * step);
    let left = |index: usize| 5.0 + x[index] * (BOX_WIDTH + 24.0);
    let mut out = head(width, height, title);
    out.push_str("<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"arrow\" d=\"M0 0L8 4L0 8z\"/></marker></defs>");
    for (index, own) in boxes.iter().enumerate() {
        for input in &own.inputs {
            let (from_x, from_y) = (left(*input) + BOX_WIDTH / 2.0, y(*input) + box_height);
            let (to_x, to_y) = (left(index) + BOX_WIDTH / 2.0, y(index));
            let middle = (from_y + to_y) / 2.0;
            push(
                &mut out,
                format_args!(
                    "<path class=\"edge\" marker-end=\"url(#arrow)\" d=\"M{from_x:.1} {from_y:.1}C{from_x:.1} {middle:.1} {to_x:.1} {middle:.1} {to_x:.1} {to_y:.1}\"/>"
                ),
            );
            if !boxes[*input].edge.is_empty() {
                push(
                    &mut out,
                    format_args!(
                        "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                        from_x + 8.0,
                        from_y + 15.0,
                        escaped(&boxes[*input].edge)
                    ),
                );
            }
        }
    }
    for (index, own) in boxes.iter().enumerate() {
        draw_box(&mut out, own, left(index), y(index), BOX_WIDTH, box_height);
    }
    out.push_str("</svg>");
    html! { div.chart tabindex="0" role="group" aria-label=(title) { (raw(out)) } }
}

fn draw_box(out: &mut String, own: &Box_, left: f64, top: f64, width: f64, height: f64) {
    let hot = if own.is_hot { " hot" } else { "" };
    push(
        out,
        format_args!(
            "<a href=\"{}\"><rect class=\"node{hot}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"7\"/>",
            escaped(&own.link)
        ),
    );
    for (line, text) in own.lines.iter().enumerate() {
        let class = if line == 0 { "bold" } else { "soft" };
        push(
            out,
            format_args!(
                "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left + 10.0,
                top + 18.0 + line as f64 * LINE,
                escaped(&short(text, 27))
            ),
        );
    }
    if own.has_advice {
        push(
            out,
            format_args!(
                "<text class=\"warn bold\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">!</text>",
                left + width - 8.0,
                top + 18.0
            ),
        );
    }
    out.push_str("</a>");
}

fn place(boxes: &[Box_], index: usize, level: usize, depth: &mut [usize], x: &mut [f64], next: &mut f64) {
    depth[index] = level;
    let inputs = &boxes[index].inputs;
    if inputs.is_empty() {
        x[index] = *next;
        *next += 1.0;
        return;
    }
    for input in inputs {
        place(boxes, *input, level + 1, depth, x, next);
    }
    x[index] = inputs.iter().map(|input| x[*input]).sum::<f64>() / inputs.len() as f64;
}

/// Stages from left to right, each with its operators from top to bottom.
pub fn stages(title: &str, stages: &[Box_]) -> Markup {
    if stages.is_empty() {
        return html! {};
    }
    let mut level = vec![0_usize; stages.len()];
    // Inputs come before those that read them, or there is a cycle and the rest stays where it is.
    for _ in 0..stages.len() {
        for index in 0..stages.len() {
            level[index] =
                stages[index].inputs.iter().map(|input| level[*input] + 1).max().unwrap_or(0).min(stages.len());
        }
    }
    let mut tops = vec![0.0; stages.len()];
    let mut columns = vec![10.0; level.iter().max().copied().unwrap_or(0) + 1];
    for (index, own) in stages.iter().enumerate() {
        let column: &mut f64 = &mut columns[level[index]];
        tops[index] = *column;
        *column += own.lines.len() as f64 * LINE + 34.0;
    }
    let height = columns.iter().copied().fold(0.0, f64::max);
    let left = |index: usize| 10.0 + level[index] as f64 * (BOX_WIDTH + 50.0);
    let mut out = head(columns.len() as f64 * (BOX_WIDTH + 50.0), height, title);
    out.push_str("<defs><marker id=\"arrow2\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"arrow\" d=\"M0 0L8 4L0 8z\"/></marker></defs>");
    for (index, own) in stages.iter().enumerate() {
        for input in &own.inputs {
            let (from_x, from_y) = (left(*input) + BOX_WIDTH, tops[*input] + 20.0);
            let (to_x, to_y) = (left(index), tops[index] + 20.0);
            let middle = (from_x + to_x) / 2.0;
            push(
                &mut out,
                format_args!(
                    "<path class=\"edge\" marker-end=\"url(#arrow2)\" d=\"M{from_x:.1} {from_y:.1}C{middle:.1} {from_y:.1} {middle:.1} {to_y:.1} {to_x:.1} {to_y:.1}\"/>"
                ),
            );
        }
    }
    for (index, own) in stages.iter().enumerate() {
        let height = own.lines.len() as f64 * LINE + 14.0;
        draw_box(&mut out, own, left(index), tops[index], BOX_WIDTH, height);
    }
    out.push_str("</svg>");
    html! { div.chart tabindex="0" role="group" aria-label=(title) { (raw(out)) } }
}

fn head(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"{}\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">",
        escaped(title)
    )
}

fn push(out: &mut String, text: std::fmt::Arguments) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

/// Text that cannot be taken for markup.
fn escaped(text: &str) -> String {
    text.render().into_string()
}
