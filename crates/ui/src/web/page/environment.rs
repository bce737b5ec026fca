//! Environment: settings and what the application runs on.

use maud::{Markup, html};

use crate::web::view::{Order, View, column, table};

pub fn page(view: &View) -> Markup {
    let own = &view.store.environment;
    let groups = [
        ("Runtime", "runtime", &own.runtime),
        ("Spark properties", "spark", &own.spark),
        ("Hadoop properties", "hadoop", &own.hadoop),
        ("System properties", "system", &own.system),
        ("Metrics properties", "metrics", &own.metrics),
        ("Classpath entries", "classpath", &own.classpath),
    ];
    view.page("Environment", &html! {
        h1 { "Environment" }
        @for (name, id, pairs) in groups {
            @if !pairs.is_empty() {
                details open[matches!(id, "runtime" | "spark" | "system")] {
                    summary { (name) " (" (pairs.len()) ")" }
                    (table(view.query, id, &[
                        column("Name", |pair: &&(String, String)| pair.0.as_str().into(), |pair| html! { code { (pair.0) } }),
                        column("Value", |pair: &&(String, String)| pair.1.as_str().into(), |pair| html! { code { (pair.1) } }),
                    ], pairs.iter().collect(), Order { column: 0, descending: false }))
                }
            }
        }
    })
}
