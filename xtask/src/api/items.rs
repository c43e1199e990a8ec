//! The public items of a crate, out of rustdoc's JSON, one line of text each.

use super::types::{generics, path, render, signature};
use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// rustdoc's description of a crate.
pub struct Crate {
    index: Map<String, Value>,
    root: String,
}

/// A public item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Kind and name of the item, with its signature.
    pub text: String,
    /// Deprecated or hidden, or inside of something that is.
    pub old: bool,
    /// Names that a reader might look for: its own, and those of what it is in.
    pub names: Vec<String>,
}

impl Crate {
    /// Reads what rustdoc wrote.
    pub fn parse(text: &str) -> Result<Crate> {
        let mut value: Value = serde_json::from_str(text).context("rustdoc's JSON")?;
        let root = value["root"].to_string();
        let Value::Object(index) = value["index"].take() else {
            anyhow::bail!("rustdoc's JSON has no index");
        };
        Ok(Crate { index, root })
    }

    fn get(&self, id: &Value) -> Option<&Value> {
        self.index.get(&id.to_string())
    }

    /// The item at a path from the root.
    fn find(&self, path: &[&str]) -> Option<&Value> {
        path.iter()
            .try_fold(self.index.get(&self.root)?, |at, name| {
                let children = at["inner"]["module"]["items"].as_array()?;
                children
                    .iter()
                    .filter_map(|id| self.get(id))
                    // Re-exports are followed: a name in the path may come from a `use`.
                    .find_map(|child| match child["inner"].get("use") {
                        Some(import) if import["name"] == *name => self.get(&import["id"]),
                        None if child["name"] == *name => Some(child),
                        _ => None,
                    })
            })
    }
}

/// All public items of `this`; what it re-exports of `other` is looked up there.
pub fn all(this: &Crate, other: Option<&Crate>) -> Vec<Item> {
    let mut walk = Walk {
        this,
        other,
        items: BTreeSet::new(),
    };
    if let Some(root) = this.index.get(&this.root) {
        walk.children(root, &Place::default());
    }
    walk.items.into_iter().collect()
}

/// Place of an item.
#[derive(Clone, Default)]
struct Place {
    modules: Vec<String>,
    old: bool,
}

impl Place {
    fn path(&self, name: &str) -> String {
        let mut parts = self.modules.clone();
        parts.push(name.to_owned());
        parts.join("::")
    }
}

struct Walk<'a> {
    this: &'a Crate,
    other: Option<&'a Crate>,
    items: BTreeSet<Item>,
}

impl<'a> Walk<'a> {
    fn add(&mut self, text: String, place: &Place, names: &[&str], old: bool) {
        let names = names.iter().map(|name| (*name).to_owned());
        self.items.insert(Item {
            text,
            old: old || place.old,
            names: place.modules.iter().cloned().chain(names).collect(),
        });
    }

    fn children(&mut self, module: &Value, place: &Place) {
        for id in module["inner"]["module"]["items"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if let Some(item) = self.this.get(id) {
                self.item(item, item["name"].as_str(), place);
            }
        }
    }

    fn item(&mut self, item: &Value, name: Option<&str>, place: &Place) {
        let place = &Place {
            modules: place.modules.clone(),
            old: place.old || is_old(item),
        };
        if let Some(import) = item["inner"].get("use") {
            return self.import(import, place);
        }
        let name = name.unwrap_or("?");
        let inner = &item["inner"];
        if inner.get("module").is_some() {
            let mut inside = place.clone();
            inside.modules.push(name.to_owned());
            self.add(format!("mod {}", place.path(name)), place, &[name], false);
            self.children(item, &inside);
        } else if let Some(structure) = inner.get("struct") {
            self.add(
                format!("struct {}", place.path(name)),
                place,
                &[name],
                false,
            );
            for (number, id) in structure["kind"]["tuple"]
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
            {
                if let Some(field) = self
                    .this
                    .get(id)
                    .filter(|field| field["visibility"] == "public")
                {
                    let kind = render(&field["inner"]["struct_field"], name);
                    let text = format!("field {}.{number}: {kind}", place.path(name));
                    self.add(text, place, &[name], false);
                }
            }
            self.implementations(&structure["impls"], name, place);
        } else if let Some(enumeration) = inner.get("enum") {
            self.add(format!("enum {}", place.path(name)), place, &[name], false);
            self.implementations(&enumeration["impls"], name, place);
        } else if let Some(definition) = inner.get("trait") {
            self.add(format!("trait {}", place.path(name)), place, &[name], false);
            for id in definition["items"].as_array().into_iter().flatten() {
                self.method(id, &place.path(name), name, place);
            }
            for id in definition["implementations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                // Those of the crate's own types are found with the types.
                let of = |item: &Value| item["inner"]["impl"]["for"]["resolved_path"]["id"].clone();
                if self
                    .this
                    .get(id)
                    .is_none_or(|item| self.this.get(&of(item)).is_none())
                {
                    self.implementation(id, name, place);
                }
            }
        } else if let Some(function) = inner.get("function") {
            let text = format!("fn {}{}", place.path(name), signature(function, ""));
            self.add(text, place, &[name], false);
        } else {
            let kind = inner.as_object().and_then(|inner| inner.keys().next());
            let kind = kind.map_or("item", String::as_str);
            self.add(
                format!("{kind} {}", place.path(name)),
                place,
                &[name],
                false,
            );
        }
    }

    fn import(&mut self, import: &Value, place: &Place) {
        let name = import["name"].as_str();
        if let Some(item) = self.this.get(&import["id"]) {
            return self.item(item, name, place);
        }
        let source = import["source"].as_str().unwrap_or_default();
        let mut parts = source.split("::");
        // The drop-in package re-exports this crate, whose description is the other one.
        let within = parts.next() == Some("mydht_evloop");
        let parts: Vec<_> = parts.collect();
        match self.other.filter(|_| within) {
            Some(other) if other.find(&parts).is_some() => {
                let mut walk = Walk {
                    this: other,
                    other: None,
                    items: std::mem::take(&mut self.items),
                };
                if let Some(item) = other.find(&parts) {
                    walk.item(item, name, place);
                }
                self.items = walk.items;
            }
            // Another crate's: its name is all that is compared.
            _ => {
                let name = name.unwrap_or("?");
                self.add(format!("use {}", place.path(name)), place, &[name], false);
            }
        }
    }

    fn implementations(&mut self, ids: &Value, name: &str, place: &Place) {
        for id in ids.as_array().into_iter().flatten() {
            self.implementation(id, name, place);
        }
    }

    fn implementation(&mut self, id: &Value, name: &str, place: &Place) {
        let Some(item) = self.this.get(id) else {
            return;
        };
        let implementation = &item["inner"]["impl"];
        // Everything has these.
        if !implementation["blanket_impl"].is_null() || implementation["is_negative"] == true {
            return;
        }
        let of = render(&implementation["for"], name);
        if implementation["trait"].is_null() {
            for id in implementation["items"].as_array().into_iter().flatten() {
                self.method(id, &place.path(name), name, place);
            }
            return;
        }
        let interface = path(&implementation["trait"], name);
        // The compiler's own affair.
        if ["Freeze", "StructuralPartialEq", "UnsafeUnpin"].contains(&interface.as_str()) {
            return;
        }
        let wanted = generics(&implementation["generics"], name);
        let mut text = format!(
            "impl {interface} for {of}{wanted} in {}",
            place.modules.join("::")
        );
        for id in implementation["items"].as_array().into_iter().flatten() {
            if let Some(item) = self.this.get(id)
                && let Some(assigned) = item["inner"].get("assoc_type")
            {
                let name = item["name"].as_str().unwrap_or("?");
                text += &format!(" {name} = {}", render(&assigned["type"], &of));
            }
        }
        // Without its arguments: readers look for a trait by its name alone.
        let base = interface.split('<').next().unwrap_or_default();
        self.add(text, place, &[name, base], is_old(item));
    }

    fn method(&mut self, id: &Value, owner: &str, this: &str, place: &Place) {
        let Some(item) = self.this.get(id) else {
            return;
        };
        let Some(function) = item["inner"].get("function") else {
            return;
        };
        let name = item["name"].as_str().unwrap_or("?");
        let text = format!("fn {owner}::{name}{}", signature(function, this));
        self.add(text, place, &[name], is_old(item));
    }
}

fn is_old(item: &Value) -> bool {
    let hidden = |attribute: &Value| {
        attribute["other"]
            .as_str()
            .is_some_and(|text| text.contains("doc(hidden)"))
    };
    !item["deprecation"].is_null() || item["attrs"].as_array().into_iter().flatten().any(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn method(name: &str, deprecation: Value) -> Value {
        json!({"name": name, "deprecation": deprecation, "attrs": [], "inner": {"function": {
            "sig": {"inputs": [["self", {"borrowed_ref": {"is_mutable": false, "type": {"generic": "Self"}}}]], "output": null},
            "generics": {"params": [], "where_predicates": []}, "header": {"is_unsafe": false}}}})
    }

    #[test]
    fn re_exports_are_followed_into_the_other_crate() {
        let plain = |name: &str, inner: Value| json!({"name": name, "deprecation": null, "attrs": [], "inner": inner});
        let ours = json!({"root": 0, "index": {
            "0": plain("mydht_evloop", json!({"module": {"items": [1]}})),
            "1": plain("", json!({"use": {"source": "poll::Poll", "name": "Poll", "id": 2}})),
            "2": plain("Poll", json!({"struct": {"kind": {}, "impls": [3, 6]}})),
            "3": plain("", json!({"impl": {"trait": null, "for": {"resolved_path": {"path": "Poll", "id": 2}},
                "generics": {"params": [], "where_predicates": []}, "items": [4, 5], "blanket_impl": null}})),
            "4": method("poll", Value::Null),
            "5": method("urgent", json!({"since": "0.6.5"})),
            "6": plain("", json!({"impl": {"trait": {"path": "Send"}, "for": {"resolved_path": {"path": "Poll", "id": 2}},
                "generics": {"params": [], "where_predicates": []}, "items": [], "blanket_impl": null}})),
        }});
        let package = json!({"root": 0, "index": {
            "0": plain("mio", json!({"module": {"items": [1]}})),
            "1": plain("", json!({"use": {"source": "mydht_evloop::Poll", "name": "Poll", "id": 99}})),
        }});
        let ours = Crate::parse(&ours.to_string()).unwrap();
        let package = Crate::parse(&package.to_string()).unwrap();
        let found = all(&package, Some(&ours));
        let texts: Vec<_> = found
            .iter()
            .map(|item| (item.text.as_str(), item.old))
            .collect();
        assert_eq!(
            texts,
            [
                ("fn Poll::poll(&Poll)", false),
                ("fn Poll::urgent(&Poll)", true),
                ("impl Send for Poll in ", false),
                ("struct Poll", false),
            ]
        );
        assert_eq!(all(&ours, None), found);
    }
}
