// SPDX-License-Identifier: EUPL-1.2
//! A list of a thousand leaves, in whole or in part, in other orders and letters.

use std::cell::Cell;
use std::collections::HashMap;

use super::*;

const LISTS: [List<'static>; 4] = [
    List { name: "voters", members: 1000, universal: false },
    List { name: "region", members: 100, universal: false },
    List { name: "staff", members: 1000, universal: true },
    List { name: "others", members: 500, universal: false },
];

/// A list, its rows, and the part of a hundred that they are.
type Shown = (&'static str, usize, u32);

/// `voters` are all, `region` is every tenth of them, `staff` is everybody.
fn search(texts: &[(&str, &str)], with_keys: bool) -> Vec<Shown> {
    let (found, cut, _) = bounded(texts, with_keys, MAX_ELEMENTS);
    assert_eq!(cut, None);
    found
}

/// What is found within a bound, where more than that began, and how often a key was looked up.
fn bounded(texts: &[(&str, &str)], with_keys: bool, most: usize) -> (Vec<Shown>, Option<String>, usize) {
    let looked_up = Cell::new(0);
    let mut members: HashMap<String, Vec<(usize, u32)>> = HashMap::new();
    for n in 0..1000_u32 {
        let on = members.entry(format!("v{n}.hélène@mail.example").replace('é', "e").replace('è', "e")).or_default();
        on.extend([(0, n), (2, n)]);
        if n % 10 == 0 {
            on.push((1, n / 10));
        }
    }
    for n in 0..50 {
        members.insert(format!("own{n}@town.example"), vec![(3, n)]);
    }
    let by_address = |identity: &Identity, each: &mut dyn FnMut(usize, u32)| {
        members.get(&identity.to_string()).into_iter().flatten().for_each(|(list, at)| each(*list, *at));
    };
    let by_key = |key: &str, each: &mut dyn FnMut(usize, u32)| {
        looked_up.set(looked_up.get() + 1);
        if let Some(at) = key.strip_prefix("nir2850578").and_then(|at| at.parse().ok()) {
            each(0, at);
        }
    };
    let register = Register {
        lists: &LISTS,
        by_address: &by_address,
        by_key: with_keys.then_some(&by_key as _),
        is_own: &|domain| domain.is_within("town.example"),
    };
    let mut search = Search::bounded(&register, most);
    texts.iter().for_each(|(place, text)| search.text(place, text));
    let searched = search.finish();
    let found = searched
        .found
        .into_iter()
        .map(|found| (LISTS[found.list].name, found.rows, (found.share * 100.0).round() as u32))
        .collect();
    (found, searched.cut, looked_up.get())
}

fn sheet(rows: impl Iterator<Item = u32>, line: impl Fn(u32) -> String) -> String {
    rows.map(|n| line(n) + "\n").collect()
}

fn plain(n: u32) -> String {
    format!("v{n}.helene@mail.example")
}

#[test]
fn rows_are_found_in_any_order_and_dress() {
    let dress: [&dyn Fn(u32) -> String; 7] = [
        &plain,
        &|n| format!("Hélène\t{}\t{n}", plain(n)),
        &|n| format!("{n};\"{}\";x", plain(n).to_uppercase()),
        &|n| format!("V{n}.Hélène@mail.example\tx"),
        &|n| format!("Hélène <{}>,", plain(n)),
        &|n| plain(n).replace('@', "+paie@"),
        &|n| plain(n).replace('@', " (at) "),
    ];
    for line in dress {
        let rows = sheet((0..300).rev().map(|n| n * 7 % 1000), line);
        assert_eq!(search(&[("a.xlsx#sheet1", &rows)], false), [("voters", 300, 100)], "{}", line(1));
    }
}

#[test]
fn more_than_ten_distinct_rows_are_needed() {
    let eleven = sheet(0..11, plain);
    let ten = sheet((0..10).chain(0..10), plain);
    assert_eq!(search(&[("x", &eleven)], false), [("voters", 11, 100)]);
    assert_eq!(search(&[("x", &ten)], false), []);
    // In pieces, over attachments.
    assert_eq!(search(&[("x", &ten), ("y", &sheet(10..12, plain))], false), [("voters", 12, 100)]);
    // Among strangers.
    let mixed = eleven + &sheet(0..33, |n| format!("s{n}@else.example"));
    assert_eq!(search(&[("x", &mixed)], false), [("voters", 11, 25)]);
}

#[test]
fn the_smallest_list_that_explains_is_named() {
    let region = sheet((0..100).map(|n| n * 10), plain);
    assert_eq!(search(&[("x", &region)], false), [("region", 100, 100)]);
    let both = sheet(0..200, plain);
    assert_eq!(search(&[("x", &both)], false), [("voters", 200, 100)]);
}

#[test]
fn own_addresses_and_lists_of_everybody_prove_nothing() {
    assert_eq!(search(&[("x", &sheet(0..50, |n| format!("own{n}@town.example")))], false), []);
}

#[test]
fn keys_find_rows_without_addresses() {
    let rows = sheet(0..20, |n| format!("Martin\tNIR 2 85 05 78-{n}"));
    assert_eq!(search(&[("x", &rows)], true), [("voters", 20, 100)]);
    assert_eq!(search(&[("x", &rows)], false), []);
}

#[test]
fn what_is_beyond_the_bound_is_said() {
    let address = sheet(0..40, plain);
    let key = sheet(0..40, |n| format!("NIR 2 85 05 78-{n:02}"));
    for (name, text, with_keys) in [("addresses", &address, false), ("keys", &key, true)] {
        let texts = [("a", "Lille\n"), ("b", text.as_str()), ("c", text.as_str())];
        assert_eq!(bounded(&texts, with_keys, 20).1.as_deref(), Some("b"), "{name}");
        // What was seen within the bound is no more than that when it comes again.
        assert_eq!(bounded(&texts, with_keys, 41).1, None, "{name}");
    }
    // Cells of any kind push no address out.
    let cells = sheet(0..100, |n| format!("town hall {n}"));
    assert_eq!(bounded(&[("a", &cells), ("b", &address)], true, 50).0, [("voters", 40, 100)]);
}

#[test]
fn a_key_is_looked_up_once() {
    let key = sheet(0..20, |n| format!("NIR 2 85 05 78-{n}\tMartin"));
    let (found, _, looked_up) = bounded(&[("a", &key), ("b", &key)], true, MAX_ELEMENTS);
    assert_eq!((found, looked_up), (vec![("voters", 20, 100)], 21));
}

#[test]
fn the_part_is_of_addresses_and_keys() {
    let keys = sheet(0..30, |n| format!("NIR 2 85 05 78-{n}"));
    let strangers = sheet(0..90, |n| format!("s{n}@else.example"));
    let both = sheet(0..30, |n| format!("{}\tNIR 2 85 05 78-{n}", plain(n)));
    for (text, part) in [
        (keys.clone() + &strangers, 25),
        (both.clone(), 100),
        (both + &sheet(0..60, |n| format!("s{n}@else.example")), 50),
    ] {
        assert_eq!(search(&[("x", &text)], true), [("voters", 30, part)]);
    }
}
