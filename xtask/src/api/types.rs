//! Types and signatures out of rustdoc's JSON as one line of text each, without what does not
//! change the meaning of a signature for its callers: lifetimes, and by which path a type was
//! named.

use serde_json::Value;

/// `{"resolved_path": …}` and the like.
pub fn render(value: &Value, this: &str) -> String {
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
    };
    let of = |key: &str| render(&inner[key], this);
    match kind.as_str() {
        "resolved_path" => path(inner, this),
        "generic" if inner == "Self" => this.to_owned(),
        "generic" | "primitive" => inner.as_str().unwrap_or_default().to_owned(),
        "tuple" => format!("({})", list(inner, this)),
        "slice" => format!("[{}]", render(inner, this)),
        "array" => format!("[{}; {}]", of("type"), inner["len"].as_str().unwrap_or("?")),
        "borrowed_ref" if inner["is_mutable"] == true => format!("&mut {}", of("type")),
        "borrowed_ref" => format!("&{}", of("type")),
        "raw_pointer" if inner["is_mutable"] == true => format!("*mut {}", of("type")),
        "raw_pointer" => format!("*const {}", of("type")),
        "impl_trait" => format!("impl {}", bounds(inner, this)),
        "dyn_trait" => {
            let traits = inner["traits"].as_array().into_iter().flatten();
            let traits: Vec<_> = traits.map(|t| path(&t["trait"], this)).collect();
            format!("dyn {}", traits.join(" + "))
        }
        "qualified_path" => {
            format!(
                "{}::{}",
                of("self_type"),
                inner["name"].as_str().unwrap_or("?")
            )
        }
        // A kind that neither side uses today is compared as it is.
        _ => value.to_string(),
    }
}

fn list(values: &Value, this: &str) -> String {
    let values = values.as_array().into_iter().flatten();
    let values: Vec<_> = values.map(|value| render(value, this)).collect();
    values.join(", ")
}

/// A type or trait by the last part of its path, with its arguments.
pub fn path(value: &Value, this: &str) -> String {
    // rustdoc's format has had both names for this.
    let full = value["path"].as_str().or(value["name"].as_str());
    let mut text = full
        .unwrap_or("?")
        .rsplit("::")
        .next()
        .unwrap_or("?")
        .to_owned();
    let arguments = value["args"]["angle_bracketed"]["args"].as_array();
    let types: Vec<_> = arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| argument.get("type"))
        .map(|argument| render(argument, this))
        .collect();
    if !types.is_empty() {
        text += &format!("<{}>", types.join(", "));
    }
    let constraints = value["args"]["angle_bracketed"]["constraints"].as_array();
    if constraints.is_some_and(|constraints| !constraints.is_empty()) {
        text += &format!("{constraints:?}");
    }
    text
}

fn bounds(values: &Value, this: &str) -> String {
    let values = values.as_array().into_iter().flatten();
    let mut names: Vec<_> = values
        .filter_map(|bound| bound.get("trait_bound"))
        .map(|bound| path(&bound["trait"], this))
        .collect();
    // Bounds have no order in the language.
    names.sort();
    names.join(" + ")
}

/// ` where T: Into<Ready>`, whether it was written so or as `<T: Into<Self>>`; nothing if there are
/// no bounds.
pub fn generics(value: &Value, this: &str) -> String {
    let mut wanted = Vec::new();
    for parameter in value["params"].as_array().into_iter().flatten() {
        if let Some(kind) = parameter["kind"].get("type") {
            let name = parameter["name"].as_str().unwrap_or("?");
            wanted.push((name.to_owned(), bounds(&kind["bounds"], this)));
        }
    }
    for predicate in value["where_predicates"].as_array().into_iter().flatten() {
        if let Some(bound) = predicate.get("bound_predicate") {
            wanted.push((render(&bound["type"], this), bounds(&bound["bounds"], this)));
        }
    }
    wanted.retain(|(_, bounds)| !bounds.is_empty());
    wanted.sort();
    if wanted.is_empty() {
        return String::new();
    }
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(name, bounds)| format!("{name}: {bounds}"))
        .collect();
    format!(" where {}", wanted.join(", "))
}

/// `(&self, Token) -> Result<()>`, with what is `const` or `unsafe` said at its end.
pub fn signature(function: &Value, this: &str) -> String {
    let inputs = function["sig"]["inputs"].as_array().into_iter().flatten();
    let inputs: Vec<_> = inputs
        .filter_map(|input| input.get(1))
        .map(|input| render(input, this))
        .collect();
    let mut text = format!("({})", inputs.join(", "));
    if !function["sig"]["output"].is_null() {
        text += &format!(" -> {}", render(&function["sig"]["output"], this));
    }
    if function["header"]["is_unsafe"] == true {
        text += " unsafe";
    }
    text + &generics(&function["generics"], this)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(name: &str) -> Value {
        json!({"resolved_path": {"path": name, "args": null}})
    }

    #[test]
    fn how_a_type_was_named_does_not_matter() {
        let unit =
            json!({"angle_bracketed": {"args": [{"type": {"tuple": []}}], "constraints": []}});
        let result = |path: &str| json!({"resolved_path": {"path": path, "args": unit}});
        assert_eq!(render(&result("io::Result"), "X"), "Result<()>");
        assert_eq!(render(&result("::std::io::Result"), "X"), "Result<()>");
        assert_eq!(render(&json!({"generic": "Self"}), "Ready"), "Ready");
        assert_eq!(render(&named("Ready"), "Ready"), "Ready");
    }

    #[test]
    fn mutability_and_unsafety_do() {
        let of = |is_mutable: bool| json!({"borrowed_ref": {"lifetime": "'a", "is_mutable": is_mutable, "type": {"primitive": "u8"}}});
        assert_eq!(render(&of(false), ""), "&u8");
        assert_eq!(render(&of(true), ""), "&mut u8");
        let function = |is_unsafe: bool| {
            json!({"sig": {"inputs": [["fd", {"primitive": "i32"}]], "output": {"generic": "Self"}},
                "generics": {"params": [], "where_predicates": []}, "header": {"is_unsafe": is_unsafe}})
        };
        assert_eq!(signature(&function(false), "S"), "(i32) -> S");
        assert_eq!(signature(&function(true), "S"), "(i32) -> S unsafe");
    }

    #[test]
    fn a_bound_is_the_same_in_both_places() {
        let bound = json!([{"trait_bound": {"trait": {"path": "Into", "args": {"angle_bracketed":
            {"args": [{"type": {"generic": "Self"}}], "constraints": []}}}}}]);
        let inline = json!({"params": [{"name": "T", "kind": {"type": {"bounds": bound}}}], "where_predicates": []});
        let apart = json!({"params": [{"name": "T", "kind": {"type": {"bounds": []}}}], "where_predicates":
            [{"bound_predicate": {"type": {"generic": "T"}, "bounds": bound}}]});
        assert_eq!(generics(&inline, "Ready"), " where T: Into<Ready>");
        assert_eq!(generics(&apart, "Ready"), generics(&inline, "Ready"));
    }
}
