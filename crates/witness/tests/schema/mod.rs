//! The part of JSON Schema (draft 2020-12) that docs/schema-1.json uses. A keyword that is not
//! known here is a panic, so that no rule is passed over in silence.

use serde_json::{Map, Value};

/// Keywords that only describe.
const REMARKS: &[&str] = &["$schema", "$id", "$defs", "title", "description"];

/// A schema whose references point into itself.
pub struct Schema(Value);

impl Schema {
    pub fn new(root: Value) -> Self {
        Schema(root)
    }

    /// Where and how `value` departs from the schema; empty if it does not.
    pub fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(&self.0, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(rules) = schema.as_object() else {
            panic!("a schema is an object, not {schema}");
        };
        for (keyword, rule) in rules {
            let met = match keyword.as_str() {
                "$ref" => {
                    let to = rule.as_str().and_then(|to| to.strip_prefix('#'));
                    match to.and_then(|to| self.0.pointer(to)) {
                        Some(target) => self.check(target, value, at, faults),
                        None => panic!("{rule} refers to nothing"),
                    }
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|name| is(value, name)),
                    name => is(value, name),
                },
                "const" => value == rule,
                "enum" => list(rule).contains(value),
                "minimum" => value.as_f64().is_none_or(|n| Some(n) >= rule.as_f64()),
                "minProperties" => {
                    let count = value.as_object().map(|fields| fields.len() as u64);
                    count.is_none_or(|count| Some(count) >= rule.as_u64())
                }
                "anyOf" => list(rule).iter().any(|choice| {
                    let mut inner = Vec::new();
                    self.check(choice, value, at, &mut inner);
                    inner.is_empty()
                }),
                "required" => value.as_object().is_none_or(|fields| {
                    list(rule)
                        .iter()
                        .all(|key| key.as_str().is_some_and(|k| fields.contains_key(k)))
                }),
                "items" => {
                    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{i}"), faults);
                    }
                    true
                }
                "properties" | "additionalProperties" => {
                    for (key, field) in value.as_object().into_iter().flatten() {
                        self.field(rules, keyword, key, field, at, faults);
                    }
                    true
                }
                remark if REMARKS.contains(&remark) => true,
                unknown => panic!("keyword {unknown} is not known here"),
            };
            if !met {
                faults.push(format!("{at}: {value} is against {keyword} {rule}"));
            }
        }
    }

    fn field(
        &self,
        rules: &Map<String, Value>,
        keyword: &str,
        key: &str,
        field: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        let at = format!("{at}/{key}");
        let named = rules.get("properties").and_then(|named| named.get(key));
        match (keyword, named, rules.get("additionalProperties")) {
            ("properties", Some(schema), _) => self.check(schema, field, &at, faults),
            ("additionalProperties", None, Some(Value::Bool(false))) => {
                faults.push(format!("{at}: not described"));
            }
            ("additionalProperties", None, Some(schema)) => self.check(schema, field, &at, faults),
            _ => {}
        }
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().map_or(&[], Vec::as_slice)
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => panic!("type {name} is not known here"),
    }
}
