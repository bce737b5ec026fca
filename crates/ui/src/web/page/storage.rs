//! Storage: rows that are kept between queries.

use maud::{Markup, html};

use super::{NoPage, missing};
use crate::model::StoredRdd;
use crate::web::view::{Order, View, column, facts, number, short, size, table};

type Block = (i64, (i64, i64, String, String));

fn memory(rdd: &StoredRdd) -> i64 {
    rdd.blocks.values().map(|block| block.0).sum()
}

fn disk(rdd: &StoredRdd) -> i64 {
    rdd.blocks.values().map(|block| block.1).sum()
}

pub fn list(view: &View) -> Markup {
    let rows: Vec<&StoredRdd> = view.store.rdds.values().filter(|rdd| !rdd.blocks.is_empty()).collect();
    let columns = [
        number("ID", |rdd: &&StoredRdd| rdd.id, |id| id.to_string()),
        column(
            "Name",
            |rdd: &&StoredRdd| rdd.name.as_str().into(),
            |rdd| {
                html! {
                    a href=(view.link(&format!("storage/rdd/?id={}", rdd.id))) { (short(&rdd.name, 160)) }
                }
            },
        ),
        column(
            "Storage Level",
            |rdd: &&StoredRdd| rdd.storage_level.as_str().into(),
            |rdd| html! { (rdd.storage_level) },
        ),
        number("Cached Partitions", |rdd: &&StoredRdd| rdd.blocks.len() as i64, |count| count.to_string()),
        number("Size in Memory", |rdd: &&StoredRdd| memory(rdd), size),
        number("Size on Disk", |rdd: &&StoredRdd| disk(rdd), size),
    ];
    view.page(
        "Storage",
        &html! {
            h1 { "Storage" }
            p.soft { "DataFrames and RDDs that the program keeps: cache(), persist(), CACHE TABLE." }
            (table(view.query, "rdds", &columns, rows, Order { column: 0, descending: false }))
        },
    )
}

pub fn one(view: &View) -> Result<Markup, NoPage> {
    let rdd = view.query.int("id").and_then(|id| view.store.rdds.get(&id));
    let Some(rdd) = rdd else { return missing("kept RDD", view) };
    let rows: Vec<Block> = rdd.blocks.iter().map(|(partition, block)| (*partition, block.clone())).collect();
    let columns = [
        number("Partition", |row: &Block| row.0, |partition| partition.to_string()),
        column("Storage Level", |row: &Block| row.1.2.as_str().into(), |row| html! { (row.1.2) }),
        number("Size in Memory", |row: &Block| row.1.0, size),
        number("Size on Disk", |row: &Block| row.1.1, size),
        column("Executor", |row: &Block| row.1.3.as_str().into(), |row| html! { (row.1.3) }),
    ];
    Ok(view.page(
        "Storage",
        &html! {
            h1 { "Kept rows " (rdd.id) }
            (facts(&[
                ("Storage level", html! { (rdd.storage_level) }),
                ("Cached partitions", html! { (rdd.blocks.len()) " of " (rdd.num_partitions) }),
                ("Memory", html! { (size(memory(rdd))) }),
                ("Disk", html! { (size(disk(rdd))) }),
            ]))
            pre tabindex="0" { (rdd.name) }
            (table(view.query, "blocks", &columns, rows, Order { column: 0, descending: false }))
        },
    ))
}
