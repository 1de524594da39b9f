//! The services that pictures can be kept by, and what each of them must be told.
//!
//! To add one: its feature of opendal in `Cargo.toml`, and its arm below.

use std::cell::Cell;
use std::collections::BTreeMap;

use opendal::services::{CosConfig, FsConfig, ObsConfig, OssConfig, S3Config};
use opendal::{Configurator, Operator};
use serde::Deserializer;
use serde::de::value::Error;
use serde::de::{Deserialize, Error as _, Visitor};

use super::error::{StorageError, masked};

/// A service by its name and its options.
pub(super) fn service(
    name: &str,
    options: BTreeMap<String, String>,
) -> Result<Operator, StorageError> {
    match name {
        "fs" => build::<FsConfig>(name, &["root"], options),
        "s3" => build::<S3Config>(name, &["bucket", "region"], options),
        "cos" => build::<CosConfig>(name, &["bucket", "endpoint"], options),
        "oss" => build::<OssConfig>(name, &["bucket", "endpoint"], options),
        "obs" => build::<ObsConfig>(name, &["bucket", "endpoint"], options),
        _ => Err(StorageError::new("storage.service", "expected fs, s3, cos, oss or obs")),
    }
}

fn build<C: Configurator>(
    name: &str,
    needed: &[&str],
    options: BTreeMap<String, String>,
) -> Result<Operator, StorageError> {
    let known = fields::<C>();
    // opendal takes no notice of what it does not know.
    if let Some(unknown) = options.keys().find(|option| !known.contains(&option.as_str())) {
        return Err(StorageError::option(unknown, format!("{name} has no such option")));
    }
    if let Some(missing) = needed.iter().find(|option| !options.contains_key(**option)) {
        return Err(StorageError::option(missing, format!("{name} needs it")));
    }
    let one = |(option, value): (&String, &String)| C::from_iter([(option.clone(), value.clone())]);
    if let Some((wrong, _)) = options.iter().find(|option| one(*option).is_err()) {
        return Err(StorageError::option(wrong, format!("{name} does not take this value")));
    }
    let values: Vec<String> = options.values().cloned().collect();
    let built = C::from_iter(options).and_then(Operator::from_config);
    built.map_err(|error| {
        let why = masked(error.message().to_owned(), values.iter().map(String::as_str));
        StorageError::new("storage.options", format!("{name} cannot be used by them: {why}"))
    })
}

/// The names that a service's options have: its configuration's fields.
fn fields<C: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let fields = Cell::new(&[][..]);
    // It reads nothing: it only asks for its fields.
    let _ = C::deserialize(Asked(&fields));
    fields.get()
}

/// A source that notes which fields it is asked for.
struct Asked<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.0.set(fields);
        Err(Error::custom("noted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no struct"))
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "hunter2hunter2";

    fn refused(name: &str, options: &[(&str, &str)]) -> String {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let error = service(name, options).expect_err("refused").to_string();
        assert!(!error.contains(KEY), "{error}");
        error
    }

    #[test]
    fn a_service_that_there_is_not_is_refused_by_the_settings_name() {
        let expected = "storage.service: expected fs, s3, cos, oss or obs";
        for name in ["", "S3", "gcs", "memory"] {
            assert_eq!(refused(name, &[]), expected);
        }
    }

    #[test]
    fn an_option_that_nobody_reads_is_refused() {
        for name in ["s3", "cos", "oss", "obs"] {
            let typo = refused(name, &[("secret_acces_key", KEY)]);
            let expected = format!("storage.options.secret_acces_key: {name} has no such option");
            assert_eq!(typo, expected);
        }
    }

    #[test]
    fn an_option_that_is_missing_is_named() {
        for (name, given, missing) in [
            ("s3", "region", "bucket"),
            ("s3", "bucket", "region"),
            ("cos", "bucket", "endpoint"),
            ("oss", "endpoint", "bucket"),
            ("obs", "bucket", "endpoint"),
        ] {
            let error = refused(name, &[(given, "https://a.example")]);
            assert_eq!(error, format!("storage.options.{missing}: {name} needs it"));
        }
    }

    #[test]
    fn a_value_that_an_option_cannot_have_is_told_by_the_options_name() {
        let options = [("bucket", "b"), ("region", "r"), ("skip_signature", KEY)];
        let expected = "storage.options.skip_signature: s3 does not take this value";
        assert_eq!(refused("s3", &options), expected);
        let options = [("bucket", "b"), ("region", "r"), ("checksum_algorithm", KEY)];
        let expected = "storage.options: s3 cannot be used by them: \
            Some(\"***\") is not a supported checksum_algorithm.";
        assert_eq!(refused("s3", &options), expected);
    }

    #[test]
    fn other_names_of_an_option_are_taken_as_opendal_takes_them() {
        let known = fields::<S3Config>();
        assert!(["endpoint", "endpoint_url", "access_key_id"].iter().all(|it| known.contains(it)));
    }
}
