//! Fields that an application adds to the framework's forms.

use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use crate::rejection::FieldErrors;
use crate::text::Text;
use crate::web::submission::Flag;

/// A field of an application's own: how it is shown, and what it takes.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    name: &'static str,
    label: Text,
    #[serde(flatten)]
    kind: FieldKind,
    required: bool,
    hint: &'static str,
    autocomplete: &'static str,
    max_length: Option<usize>,
}

/// The kind of value that a field accepts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "kind", content = "options", rename_all = "snake_case")]
enum FieldKind {
    Text,
    Lines,
    Number,
    Checkbox,
    Choice(&'static [(&'static str, &'static str)]),
}

impl Field {
    /// Creates a field for one line of text, without control characters.
    pub const fn text(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Text)
    }

    /// Creates a field for several lines of text.
    pub const fn lines(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Lines)
    }

    /// Creates a field for a number: a JSON number, or a text that contains one.
    pub const fn number(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Number)
    }

    /// Creates a checkbox. Its value is a JSON boolean, or `on` in a form; if it is missing, the value is
    /// `false`. A required checkbox has to be ticked.
    pub const fn checkbox(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Checkbox)
    }

    /// Creates a field for one of several values, each listed with the label shown for it.
    pub const fn choice(
        name: &'static str,
        label: &'static str,
        options: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self::new(name, label, FieldKind::Choice(options))
    }

    /// Refuses an empty value.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Sets the hint shown beside the field.
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    /// Sets the `autocomplete` attribute, with a value from the HTML Standard, section 4.10.18.7.1.
    pub const fn autocomplete(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    /// Sets the maximum length of a text in characters. No field can be longer than 4096 bytes.
    pub const fn max_length(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// Returns its label. The id of the text is the name of the field.
    pub const fn label(&self) -> &Text {
        &self.label
    }

    /// Returns the name of the field.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    const fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        let label = Text::new(name, label);
        let (required, hint, autocomplete, max_length) = (false, "", "", None);
        Self { name, label, kind, required, hint, autocomplete, max_length }
    }

    /// Parses the submitted value. Returns `None` if the field was left empty.
    fn read(&self, sent: Option<Value>) -> Result<Option<Value>, Text> {
        let value = match (self.kind, sent) {
            (FieldKind::Checkbox, sent) => Some(self.read_flag(sent)?),
            (_, None | Some(Value::Null)) => None,
            (_, Some(Value::String(text))) if text.trim().is_empty() => None,
            (FieldKind::Number, Some(value)) => Some(read_number(value)?),
            (_, Some(Value::String(text))) => Some(Value::String(self.read_text(text)?)),
            (_, Some(_)) => {
                return Err(Text::new("unexpected_value.text", "This must be text."));
            }
        };
        match value {
            None if self.required => Err(self.missing()),
            value => Ok(value),
        }
    }

    fn read_flag(&self, sent: Option<Value>) -> Result<Value, Text> {
        let flag = match sent {
            None | Some(Value::Null) => false,
            Some(sent) => {
                let Flag(flag) = serde_json::from_value(sent).map_err(|_| {
                    Text::new("unexpected_value.flag", "This must be true or false.")
                })?;
                flag
            }
        };
        if self.required && !flag { Err(self.missing()) } else { Ok(Value::Bool(flag)) }
    }

    fn read_text(&self, text: String) -> Result<String, Text> {
        match self.kind {
            FieldKind::Choice(options) if options.iter().all(|(value, _)| *value != text) => {
                return Err(Text::new(
                    "unexpected_value.choice",
                    "Choose an option from the list.",
                ));
            }
            FieldKind::Text if text.contains(char::is_control) => {
                return Err(Text::new(
                    "unexpected_value.character",
                    "This contains a character that isn't allowed.",
                ));
            }
            _ => {}
        }
        match self.max_length {
            Some(longest) if text.chars().count() > longest => {
                Err(Text::new("too_long.characters", "This is longer than {max} characters.")
                    .with("max", longest))
            }
            _ => Ok(text),
        }
    }

    fn missing(&self) -> Text {
        let (id, words) = match self.kind {
            FieldKind::Checkbox => ("required.tick", "Tick \u{201c}{label}\u{201d} to continue."),
            FieldKind::Choice(_) => {
                ("required.choice", "Choose something for \u{201c}{label}\u{201d}.")
            }
            _ => ("required.text", "Fill in \u{201c}{label}\u{201d}."),
        };
        Text::new(id, words).with("label", &self.label)
    }

    /// Returns a replacement for an invalid value, so that the other fields can still be checked.
    fn stand_in(&self) -> Option<Value> {
        match self.kind {
            FieldKind::Checkbox => Some(json!(false)),
            FieldKind::Text | FieldKind::Lines if self.required => Some(json!("")),
            FieldKind::Choice(options) if self.required => {
                options.first().map(|(value, _)| json!(value))
            }
            FieldKind::Number if self.required => Some(json!(0)),
            _ => None,
        }
    }
}

/// Returns the values of the fields, and adds what is wrong to `errors`.
pub(crate) fn sort(
    fields: &[Field],
    mut sent: Map<String, Value>,
    errors: &mut FieldErrors,
) -> Map<String, Value> {
    let mut values = Map::new();
    for field in fields {
        let value = field.read(sent.remove(field.name)).unwrap_or_else(|fault| {
            errors.push(field.name, fault);
            field.stand_in()
        });
        if let Some(value) = value {
            values.insert(field.name.to_owned(), value);
        }
    }
    for name in sent.keys() {
        let words = "There is no member \u{201c}{name}\u{201d}.";
        errors.push(name, Text::new("unexpected_value.unknown", words).with("name", name));
    }
    values
}

fn read_number(sent: Value) -> Result<Value, Text> {
    let number = match &sent {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim();
            let whole = text.parse::<i64>().map(Number::from);
            let whole = whole.or_else(|_| text.parse::<u64>().map(Number::from));
            whole.ok().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
        }
        _ => None,
    };
    number
        .map(Value::Number)
        .ok_or_else(|| Text::new("unexpected_value.number", "This must be a number."))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use crate::rejection::FieldErrors;
    use crate::web::field::{Field, sort};

    const FIELDS: &[Field] = &[
        Field::text("name", "Name").required().max_length(5),
        Field::lines("about", "About you"),
        Field::number("age", "Age"),
        Field::checkbox("terms", "Terms").required(),
        Field::choice("color", "Colour", &[("red", "Red"), ("blue", "Blue")]),
    ];

    fn read(sent: Value) -> (Map<String, Value>, Vec<String>) {
        let sent = sent.as_object().cloned().unwrap();
        let mut errors = FieldErrors::new();
        let values = sort(FIELDS, sent, &mut errors);
        (values, errors.iter().map(|it| format!("{}:{}", it.field, it.reason())).collect())
    }

    #[test]
    fn a_form_and_json_give_the_same_values() {
        let form = json!({"name": "Ann", "age": "42", "terms": "on", "color": "red", "about": ""});
        let json = json!({"name": "Ann", "age": 42, "terms": true, "color": "red", "about": null});
        assert_eq!(read(form), read(json.clone()));
        let (values, errors) = read(json);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            Value::Object(values),
            json!({"name": "Ann", "age": 42, "terms": true, "color": "red"})
        );
    }

    #[test]
    fn everything_wrong_is_found_at_once() {
        let sent = json!({"name": "  ", "age": "old", "color": "green", "role": "admin"});
        let expected = [
            "name:required",
            "age:unexpected_value",
            "terms:required",
            "color:unexpected_value",
            "role:unexpected_value",
        ];
        assert_eq!(read(sent).1, expected);
        let sent = json!({"name": "Annabel", "age": true, "terms": [], "color": 1, "about": {}});
        let expected = [
            "name:too_long",
            "about:unexpected_value",
            "age:unexpected_value",
            "terms:unexpected_value",
            "color:unexpected_value",
        ];
        assert_eq!(read(sent).1, expected);
        assert_eq!(read(json!({"name": "A\r\nB", "terms": true})).1, ["name:unexpected_value"]);
        for number in ["NaN", "inf", "1,5", "0x10"] {
            let sent = json!({"name": "Ann", "terms": true, "age": number});
            assert_eq!(read(sent).1, ["age:unexpected_value"], "{number}");
        }
    }
}
