//! Where the server, the key and the house come from: flag, then environment, then configuration file, then default.
//!
//! | setting | flag | environment | key in the file | default |
//! |---|---|---|---|---|
//! | server | `--url` | `PM_URL` | `url` | `http://127.0.0.1:8899` |
//! | key | `--keypair` | `PM_KEYPAIR` | `keypair` | `~/.config/solana/id.json` |
//! | house | `--house` | `PM_HOUSE` | `house` | the house of number 1 |
//! | commitment | `--commitment` | `PM_COMMITMENT` | `commitment` | `confirmed` |
//! | priority fee | `--priority-fee` | `PM_PRIORITY_FEE` | `priority_fee` | `auto` |
//! | file | `--config` | `PM_CONFIG` | | `~/.config/portfolio-margin/config.toml` |
//!
//! An empty variable counts as unset. The file is TOML; a key that it should not have is an error, so that a misspelt one is seen.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use portfolio_margin_interface::{seeds, Pubkey};
use serde::Deserialize;

use super::failure::Failure;

/// How final what is read and waited for must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// Seen by the server.
    Processed,
    /// Voted on by two thirds of the stake.
    Confirmed,
    /// Rooted: some thirteen seconds later.
    Finalized,
}

/// What a transaction offers for its place, micro-lamports per compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityFee {
    /// What recent transactions on the same accounts paid, capped.
    Auto,
    /// This much.
    Fixed(u64),
}

/// Everything a command needs to know about where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// RPC server.
    pub url: String,
    /// File of the key that signs.
    pub keypair: PathBuf,
    /// The clearing house.
    pub house: Pubkey,
    /// For reading and confirming.
    pub commitment: Commitment,
    /// For sending.
    pub priority_fee: PriorityFee,
}

/// The settings as one source gives them, each as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// As [`Settings::url`].
    pub url: Option<String>,
    /// As [`Settings::keypair`].
    pub keypair: Option<String>,
    /// An address, or the number of a house.
    #[serde(default, deserialize_with = "word")]
    pub house: Option<String>,
    /// A name.
    pub commitment: Option<String>,
    /// `auto` or a number.
    #[serde(default, deserialize_with = "word")]
    pub priority_fee: Option<String>,
}

/// A number or a string.
fn word<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word {
        Number(u64),
        Text(String),
    }
    Ok(Some(match Word::deserialize(input)? {
        Word::Number(number) => number.to_string(),
        Word::Text(text) => text,
    }))
}

/// What the environment says.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Layer {
    /// Of the environment.
    pub fn of_environment(environment: Environment<'_>) -> Self {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        Self {
            url: set("PM_URL"),
            keypair: set("PM_KEYPAIR"),
            house: set("PM_HOUSE"),
            commitment: set("PM_COMMITMENT"),
            priority_fee: set("PM_PRIORITY_FEE"),
        }
    }

    /// Of a file's text; `path` is for the error.
    pub fn of_file(path: &Path, text: &str) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|error| {
            let error = error.to_string();
            Failure::usage(format!("{}: {}", path.display(), error.trim_end()))
        })
    }

    /// This where it says something, else `under`.
    fn over(self, under: Self) -> Self {
        Self {
            url: self.url.or(under.url),
            keypair: self.keypair.or(under.keypair),
            house: self.house.or(under.house),
            commitment: self.commitment.or(under.commitment),
            priority_fee: self.priority_fee.or(under.priority_fee),
        }
    }
}

impl Settings {
    /// Flags, then environment, then file, then defaults. `config` is `--config`.
    ///
    /// Errors: usage, with the setting that is wrong; a file that was asked for and cannot be read. The usual file need not be there.
    pub fn resolve(
        flags: Layer,
        config: Option<&str>,
        environment: Environment<'_>,
    ) -> Result<Self, Failure> {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let asked = config.map(str::to_owned).or_else(|| set("PM_CONFIG"));
        let file = match asked {
            Some(path) => {
                let path = expand(&path, home.as_deref());
                let text = std::fs::read_to_string(&path);
                let text =
                    text.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
                Layer::of_file(&path, &text)?
            }
            None => usual_file(set("XDG_CONFIG_HOME").map(PathBuf::from), home.as_deref())?,
        };
        let all = flags.over(Layer::of_environment(environment)).over(file);
        let keypair = all.keypair.as_deref().unwrap_or("~/.config/solana/id.json");
        Ok(Self {
            url: server(all.url.as_deref().unwrap_or("http://127.0.0.1:8899"))?,
            keypair: expand(keypair, home.as_deref()),
            house: house(all.house.as_deref().unwrap_or("1"))?,
            commitment: all.commitment.as_deref().unwrap_or("confirmed").parse()?,
            priority_fee: all.priority_fee.as_deref().unwrap_or("auto").parse()?,
        })
    }
}

fn usual_file(folder: Option<PathBuf>, home: Option<&Path>) -> Result<Layer, Failure> {
    let Some(folder) = folder.or_else(|| home.map(|home| home.join(".config"))) else {
        return Ok(Layer::default());
    };
    let path = folder.join("portfolio-margin").join("config.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => Layer::of_file(&path, &text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Layer::default()),
        Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
    }
}

/// A path with its `~`.
fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn server(url: &str) -> Result<String, Failure> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url.to_owned());
    }
    let text = format!("url: {url:?} begins with neither http:// nor https://");
    Err(Failure::usage(text))
}

fn house(text: &str) -> Result<Pubkey, Failure> {
    if let Ok(id) = text.parse::<u16>() {
        return Ok(seeds::clearinghouse(id));
    }
    address("house", text)
}

/// An address in base 58.
pub fn address(what: &str, text: &str) -> Result<Pubkey, Failure> {
    Pubkey::from_str(text).map_err(|_| Failure::usage(format!("{what}: {text:?} is no address")))
}

impl FromStr for Commitment {
    type Err = Failure;
    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "processed" => Ok(Self::Processed),
            "confirmed" => Ok(Self::Confirmed),
            "finalized" => Ok(Self::Finalized),
            _ => Err(Failure::usage(format!(
                "commitment: {text:?} is none of processed, confirmed, finalized"
            ))),
        }
    }
}

impl FromStr for PriorityFee {
    type Err = Failure;
    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = |_| {
            let form = "auto or a whole number of micro-lamports per compute unit";
            Failure::usage(format!("priority fee: {text:?} is not {form}"))
        };
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::Fixed).map_err(wrong),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn flag(url: &str) -> Layer {
        Layer {
            url: Some(url.to_owned()),
            ..Layer::default()
        }
    }

    /// A file of its own in the temporary folder.
    fn file(name: &str, text: &str) -> String {
        let path =
            std::env::temp_dir().join(format!("pm-config-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn flag_over_environment_over_file_over_default() {
        let path = file(
            "order",
            "url = \"http://file\"\nhouse = 7\npriority_fee = 5\n",
        );
        let with = |flags: Layer, variable: Option<&'static str>| {
            let environment = move |name: &str| match name {
                "PM_URL" => variable.map(str::to_owned),
                "HOME" => Some("/nowhere".to_owned()),
                _ => None,
            };
            Settings::resolve(flags, Some(&path), &environment).unwrap()
        };
        assert_eq!(
            with(flag("http://flag"), Some("http://env")).url,
            "http://flag"
        );
        assert_eq!(with(Layer::default(), Some("http://env")).url, "http://env");
        assert_eq!(with(Layer::default(), Some("")).url, "http://file");
        let settings = with(Layer::default(), None);
        assert_eq!(settings.url, "http://file");
        assert_eq!(settings.house, seeds::clearinghouse(7));
        assert_eq!(settings.priority_fee, PriorityFee::Fixed(5));
        assert_eq!(
            settings.keypair,
            Path::new("/nowhere/.config/solana/id.json")
        );
        assert_eq!(settings.commitment, Commitment::Confirmed);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_file_there_are_defaults_and_a_named_one_must_exist() {
        let none = |_: &str| None;
        let settings = Settings::resolve(Layer::default(), None, &none).unwrap();
        assert_eq!(settings.url, "http://127.0.0.1:8899");
        assert_eq!(settings.house, seeds::clearinghouse(1));
        let missing = Settings::resolve(Layer::default(), Some("/nowhere/pm.toml"), &none);
        let failure = missing.unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(
            failure.to_string().starts_with("/nowhere/pm.toml: "),
            "{failure}"
        );
        let named = |name: &str| (name == "PM_CONFIG").then(|| "/nowhere/env.toml".to_owned());
        assert!(Settings::resolve(Layer::default(), None, &named).is_err());
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let none = |_: &str| None;
        for (layer, word) in [
            (flag("localhost:8899"), "url: \"localhost:8899\""),
            (flag("ws://localhost"), "url:"),
            (
                Layer {
                    house: Some("70000".to_owned()),
                    ..Layer::default()
                },
                "house: \"70000\"",
            ),
            (
                Layer {
                    commitment: Some("max".to_owned()),
                    ..Layer::default()
                },
                "commitment: \"max\"",
            ),
            (
                Layer {
                    priority_fee: Some("-1".to_owned()),
                    ..Layer::default()
                },
                "priority fee: \"-1\"",
            ),
        ] {
            let failure = Settings::resolve(layer, None, &none).unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(failure.to_string().contains(word), "{failure}");
        }
        for (name, text, word) in [
            ("unknown", "ulr = \"http://x\"\n", "ulr"),
            ("syntax", "url = \n", "line 1"),
            ("type", "url = 5\n", "line 1"),
        ] {
            let path = file(name, text);
            let failure = Settings::resolve(Layer::default(), Some(&path), &none).unwrap_err();
            assert!(failure.to_string().contains(word), "{failure}");
            std::fs::remove_file(path).unwrap();
        }
    }
}
