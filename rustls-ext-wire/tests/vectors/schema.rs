//! The part of JSON Schema that the schema of the vectors uses.

use serde_json::Value;

/// Panics unless `value` is valid under `schema`, which is a part of `root`.
pub fn assert_valid(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Err(why) = check(value, schema, root, at) {
        panic!("{why}");
    }
}

fn check(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let part = root.pointer(name.strip_prefix('#').unwrap()).expect("a part of the schema");
        return check(value, part, root, at);
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let wrong: Vec<_> = any.iter().filter_map(|s| check(value, s, root, at).err()).collect();
        return match any.len() - wrong.len() {
            1 => Ok(()),
            _ => Err(format!("{at} does not match exactly one of the alternatives: {wrong:?}")),
        };
    }
    if let Some(constant) = schema.get("const") {
        return if value == constant { Ok(()) } else { Err(format!("{at} is not {constant}")) };
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) {
            Ok(())
        } else {
            Err(format!("{at}: {value} is not one of {values:?}"))
        };
    }
    let has_type = |wanted: &str| match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not supported here"),
    };
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{at} has no type in the schema"),
    };
    if !types.into_iter().any(has_type) {
        return Err(format!("{at}: {value} is not of type {}", schema["type"]));
    }
    if let (Some(text), Some(pattern)) = (value.as_str(), schema["pattern"].as_str()) {
        assert_eq!(pattern, "^([0-9a-f]{2})*$", "another pattern");
        let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex || text.len() % 2 != 0 {
            return Err(format!("{at}: {text} is not hexadecimal"));
        }
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            check(item, &schema["items"], root, &format!("{at}[{index}]"))?;
        }
    }
    if let Some(object) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(required.as_str().unwrap()) {
                return Err(format!("{at} has no {required}"));
            }
        }
        for (key, value) in object {
            let property = schema["properties"].get(key);
            let property = property.ok_or_else(|| format!("{at} has {key}"))?;
            check(value, property, root, &format!("{at}.{key}"))?;
        }
    }
    Ok(())
}
