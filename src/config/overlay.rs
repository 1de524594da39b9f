//! The layers over the file: texts that are set at a key, and who set them.

use std::collections::BTreeMap;
use std::mem::discriminant;

use toml::{Table, Value};

use super::ConfigError;
use super::error::Named;
use super::forms::on_or_off;
use super::settings::{Kind, NOT_SETTINGS, SETTINGS, STORAGE_OPTIONS, of_key};

/// A setting given on the command line: it wins over all others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flag {
    /// Its key, as in the file: `namespaces.default.session_ttl`.
    pub key: String,
    /// Its value, written as in the environment.
    pub value: String,
}

/// The file's table with the layers over it.
pub(super) struct Overlay {
    /// What is set, by whomever.
    pub(super) table: Table,
    /// The keys that were not set by the file.
    set_by: BTreeMap<String, Named>,
}

impl Overlay {
    pub(super) fn over(table: Table) -> Self {
        Self { table, set_by: BTreeMap::new() }
    }

    /// Sets what a `SAOMA_…` variable says; other programs' variables are let be.
    pub(super) fn variable(&mut self, name: String, value: &str) -> Result<(), ConfigError> {
        if !name.starts_with("SAOMA_") || NOT_SETTINGS.contains(&name.as_str()) {
            return Ok(());
        }
        if let Some(option) = name.strip_prefix(STORAGE_OPTIONS.0)
            && !option.is_empty()
        {
            let key = format!("{}{}", STORAGE_OPTIONS.1, option.to_lowercase());
            return self.set(Some((&key, Kind::Text)), value, Named::Variable(name));
        }
        let setting = SETTINGS.iter().find(|setting| setting.variable == name);
        let key = setting.map(|setting| (setting.key, setting.kind));
        self.set(key, value, Named::Variable(name))
    }

    /// Sets what a flag says.
    pub(super) fn flag(&mut self, flag: &Flag) -> Result<(), ConfigError> {
        let key = of_key(&flag.key).map(|setting| (flag.key.as_str(), setting.kind));
        self.set(key, &flag.value, Named::Flag(flag.key.clone()))
    }

    fn set(&mut self, key: Option<(&str, Kind)>, text: &str, by: Named) -> Result<(), ConfigError> {
        let wrong =
            |reason: &str| ConfigError::Setting { setting: by.clone(), reason: reason.to_owned() };
        let (key, kind) = key.ok_or_else(|| wrong("there is no such setting"))?;
        let value = value(kind, text).map_err(wrong)?;
        let (parents, field) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.table;
        for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
            let inner = table.entry(parent).or_insert_with(|| Value::Table(Table::new()));
            table = inner
                .as_table_mut()
                .ok_or_else(|| ConfigError::key(parents, "expected a table"))?;
        }
        // A secret and its `_file` form are one setting: the higher layer wins, whichever form it
        // has. Both in one layer is left for the reader of the files to refuse.
        let other = |name: &str| match name.strip_suffix("_file") {
            Some(plain) => plain.to_owned(),
            None => format!("{name}_file"),
        };
        let rival = self.set_by.get(&other(key)).map(discriminant);
        if rival != Some(discriminant(&by)) {
            table.remove(&other(field));
        }
        table.insert(field.to_owned(), value);
        self.set_by.insert(key.to_owned(), by);
        Ok(())
    }

    /// The error, naming a wrong setting as whoever set it knows it.
    pub(super) fn name(&self, error: ConfigError) -> ConfigError {
        let ConfigError::Setting { setting: Named::Key(key), reason } = error else { return error };
        let by = self.set_by.iter().find_map(|(set, by)| {
            let rest = key.strip_prefix(set.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '['])).then(|| by.clone())
        });
        ConfigError::Setting { setting: by.unwrap_or(Named::Key(key)), reason }
    }
}

fn value(kind: Kind, text: &str) -> Result<Value, &'static str> {
    match kind {
        Kind::Text if text.is_empty() => Err("is empty"),
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Whole => text.parse().map(Value::Integer).map_err(|_| "expected a whole number"),
        Kind::Switch => on_or_off(text).map(Value::Boolean),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_what_its_setting_is() {
        assert_eq!(value(Kind::Whole, "20"), Ok(Value::Integer(20)));
        assert_eq!(value(Kind::Switch, "on"), Ok(Value::Boolean(true)));
        let list = ["sse", "long-poll"].map(|it| Value::String(it.to_owned()));
        assert_eq!(value(Kind::List, "sse, long-poll,"), Ok(Value::Array(list.into())));
        assert_eq!(value(Kind::Whole, "20s"), Err("expected a whole number"));
        assert_eq!(value(Kind::Switch, "maybe"), Err("expected on or off"));
    }

    #[test]
    fn a_higher_layer_replaces_either_form_of_a_secret() {
        let mut overlay = Overlay::over("redis_url_file = 'r'".parse().expect("TOML"));
        overlay.variable("SAOMA_REDIS_URL".to_owned(), "redis://a").expect("set");
        assert_eq!(overlay.table, "redis_url = 'redis://a'".parse().expect("TOML"));
        let flag = Flag { key: "redis_url_file".to_owned(), value: "f".to_owned() };
        overlay.flag(&flag).expect("set");
        assert_eq!(overlay.table, "redis_url_file = 'f'".parse().expect("TOML"));
    }
}
