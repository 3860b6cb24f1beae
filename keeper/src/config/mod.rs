//! The settings of a keeper: a TOML file, overridden by the environment, every key checked before anything starts.
//!
//! A key `name` of section `[section]` is overridden by `MARGIN_KEEPER__SECTION__NAME`. Keys that nobody knows are refused, with the
//! nearest one that there is; all problems are told at once. `keeper.example.toml` has every key at its default, with what it does.

mod reader;
mod sections;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;

use config::{Config, Environment, File, FileFormat};

pub use reader::{dollars, shown_dollars, Problem, Reader};
pub use sections::{
    Acting, Cranks, Fees, House, Limits, LogFormat, Logs, Metrics, Network, Priority, Profit,
    Settings, Shard, Watching,
};

/// Prefix of environment variables that override keys.
pub const PREFIX: &str = "MARGIN_KEEPER";

/// The environment variable that names the file.
pub const PATH_VARIABLE: &str = "MARGIN_KEEPER_CONFIG";

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or is no TOML.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(#[from] config::ConfigError),
    /// Keys are unknown, missing or out of bounds.
    #[error("the configuration has {} problem(s):\n{}", .0.len(), lines(.0))]
    Invalid(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(|p| format!("  {p}")).collect();
    lines.join("\n")
}

impl Settings {
    /// Reads a file, or none, and the environment of this process.
    ///
    /// Errors: [`ConfigError`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut builder = Config::builder();
        if let Some(path) = path {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self::read(builder.add_source(environment(None)).build()?, names)
    }

    /// Reads a text with overrides, as a test or an embedding program has them.
    ///
    /// Errors: [`ConfigError`].
    pub fn from_text(text: &str, overrides: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let builder = Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(environment(Some(overrides.clone())));
        Self::read(builder.build()?, overrides.keys().cloned())
    }

    fn read(config: Config, variables: impl Iterator<Item = String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(config)?;
        let settings = Self::of(&mut reader);
        for name in variables {
            if let Some(problem) = misspelled(&name, reader.keys()) {
                reader.refuse(&problem.key, problem.text);
            }
        }
        let effective = reader.finish()?;
        // only what was refused is missing, and then `finish` has said so
        let mut settings = settings.ok_or_else(|| ConfigError::Invalid(Vec::new()))?;
        settings.effective = effective;
        Ok(settings)
    }
}

/// What is wrong with a variable that somebody meant to override a key with and that overrides none, which nothing else would tell:
/// `MARGIN_KEEPER_ACTING__BIDS` looks right. What a cluster of containers sets for a service of this name is left alone.
fn misspelled<'a>(name: &str, mut keys: impl Iterator<Item = &'a String>) -> Option<Problem> {
    let upper = name.to_uppercase();
    let rest = upper.strip_prefix(PREFIX)?;
    let is_right = rest.starts_with("__") || upper == PATH_VARIABLE;
    let words = |text: &str| text.replace(['.', '_'], "");
    let meant = keys.find(|key| words(key).to_uppercase() == words(rest));
    let text = match meant {
        _ if is_right => return None,
        Some(key) => format!(
            "overrides nothing; write {PREFIX}__{}",
            key.replace('.', "__").to_uppercase()
        ),
        None if rest.contains("__") => {
            format!("overrides nothing; names are {PREFIX}__SECTION__NAME")
        }
        None => return None,
    };
    let key = name.to_owned();
    Some(Problem { key, text })
}

/// Variables that override keys. Values stay text: what each means is for its key to say.
fn environment(source: Option<HashMap<String, String>>) -> Environment {
    Environment::with_prefix(PREFIX)
        .prefix_separator("__")
        .separator("__")
        .source(source.map(|variables| variables.into_iter().collect()))
}
