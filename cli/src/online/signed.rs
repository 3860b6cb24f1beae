//! A signed quote as a file: what a maker hands out and a taker fills.
//!
//! The client's own JSON, `message` (base 64 of the signed bytes), `key` and `signature` (base 58); `terms` beside it repeats what the
//! bytes say for people. Only the bytes count; a file whose words say otherwise is refused, since people read the words.

use portfolio_margin_client::quotes::SignedQuote;
use portfolio_margin_interface::quote::QuoteMessage;
use portfolio_margin_interface::{Pubkey, ID};
use serde::Serialize;
use serde_json::Value;

use super::calendar;
use super::failure::Failure;
use super::output::Shown;
use super::series::Names;

/// What is handed out.
#[derive(Clone, Debug, Serialize)]
pub struct File {
    #[serde(flatten)]
    quote: SignedQuote,
    terms: Terms,
}

/// What a quote says, in words.
#[derive(Clone, Debug, Serialize)]
pub struct Terms {
    /// Address of the house.
    pub house: String,
    /// The maker's margin account.
    pub maker: String,
    /// The only account that may take; `null`: any.
    pub taker: Option<String>,
    /// As in the maker's nonces.
    pub session: u64,
    /// Number of the quote.
    pub nonce: u64,
    /// Unix time from which it is void.
    pub expires: i64,
    /// Over all fills.
    pub most_lots: u64,
    /// Of one fill.
    pub least_lots: u64,
    /// One lot, as its taker sees it.
    pub legs: Vec<String>,
}

/// Reads a quote's text and checks its signature, whatever the chain says of it.
///
/// Errors: usage where it is no quote of this program; refused where the signature is not the key's.
pub fn parse(text: &str) -> Result<(SignedQuote, QuoteMessage), Failure> {
    let wrong = |why: &str| Failure::usage(format!("the quote's file: {why}"));
    let quote: SignedQuote =
        serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?;
    let message = QuoteMessage::decode(&quote.message);
    let message = message.ok_or_else(|| wrong("message is not one quote of version 1"))?;
    if message.program != ID {
        return Err(wrong(&format!(
            "it is of program {}, not {ID}",
            message.program
        )));
    }
    if !quote.signature.verify(quote.key.as_ref(), &quote.message) {
        return Err(Failure::refused(format!(
            "the signature is not that of {} for this quote",
            quote.key
        )));
    }
    Ok((quote, message))
}

/// Reads a file; `-` is standard input.
///
/// Errors: those of [`parse`]; refused where its words say something else than its bytes.
pub fn read(path: &str, names: &Names) -> Result<(SignedQuote, QuoteMessage), Failure> {
    let text = match path {
        "-" => std::io::read_to_string(std::io::stdin().lock()),
        path => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| Failure::usage(format!("{path}: {error}")))?;
    let (quote, message) = parse(&text)?;
    require_honest(&text, &message, names)?;
    Ok((quote, message))
}

/// Refuses words that are not those of the bytes; words may be left out.
fn require_honest(text: &str, message: &QuoteMessage, names: &Names) -> Result<(), Failure> {
    let written: Value = serde_json::from_str(text).unwrap_or_default();
    let signed = serde_json::to_value(Terms::of(message, names)).unwrap_or_default();
    let fields = signed.as_object().into_iter().flatten();
    for (name, signed) in fields {
        match written.get("terms").and_then(|terms| terms.get(name)) {
            Some(words) if words != signed => {
                return Err(Failure::refused(format!(
                    "the quote's file says {name} {words}, but {signed} was signed: whoever gave it to you may mean to deceive you"
                )))
            }
            _ => {}
        }
    }
    Ok(())
}

impl File {
    /// Of a quote that was just signed.
    pub fn new(quote: SignedQuote, message: &QuoteMessage, names: &Names) -> Self {
        let terms = Terms::of(message, names);
        Self { quote, terms }
    }
}

impl Terms {
    /// In words.
    pub fn of(message: &QuoteMessage, names: &Names) -> Self {
        let is_open = message.taker == Pubkey::default();
        Self {
            house: message.clearinghouse.to_string(),
            maker: message.maker.to_string(),
            taker: (!is_open).then(|| message.taker.to_string()),
            session: message.session,
            nonce: message.nonce,
            expires: message.expires,
            most_lots: message.most_lots,
            least_lots: message.least_lots,
            legs: message.legs.iter().map(|leg| names.show_leg(leg)).collect(),
        }
    }

    /// Names and values.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let taker = self.taker.clone();
        let mut lines = vec![
            ("house", self.house.clone()),
            ("maker", self.maker.clone()),
            ("taker", taker.unwrap_or_else(|| "anyone".to_owned())),
            (
                "number",
                format!("{} of session {}", self.nonce, self.session),
            ),
            ("expires", calendar::readable(self.expires)),
            ("lots", format!("{} to {}", self.least_lots, self.most_lots)),
        ];
        lines.extend(self.legs.iter().map(|leg| ("taker's leg", leg.clone())));
        lines
    }
}

/// A quote is handed out as a file, tables or not.
impl Shown for File {
    fn table(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use portfolio_margin_interface::quote::QUOTE_TAG;
    use solana_keypair::Keypair;
    use solana_signer::Signer;

    fn names() -> Names {
        let mut symbol = [0; 16];
        symbol[..3].copy_from_slice(b"BTC");
        Names::new([(0, &symbol)])
    }

    fn message() -> QuoteMessage {
        QuoteMessage {
            tag: QUOTE_TAG,
            program: ID,
            clearinghouse: Pubkey::new_from_array([1; 32]),
            maker: Pubkey::new_from_array([2; 32]),
            taker: Pubkey::default(),
            session: 9,
            nonce: 4,
            expires: 1_795_766_400,
            most_lots: 10,
            least_lots: 1,
            legs: vec![names().leg("buy:0.5:BTC-PERP:60000").unwrap()],
        }
    }

    fn text(message: &QuoteMessage, bytes: &[u8]) -> String {
        let key = Keypair::new_from_array([5; 32]);
        let quote = SignedQuote {
            message: bytes.to_vec(),
            key: key.pubkey(),
            signature: key.sign_message(&message.encode()),
        };
        File::new(quote, message, &names()).table()
    }

    #[test]
    fn what_is_written_reads_back_and_words_of_something_else_are_refused() {
        let message = message();
        let text = text(&message, &message.encode());
        assert!(text.contains("\"buy:0.5:BTC-PERP:60000\""), "{text}");
        assert_eq!(parse(&text).unwrap().1, message);
        let honest = |text: &str| require_honest(text, &message, &names());
        let without = text.replace("\"terms\"", "\"other\"");
        for text in [&text, &without] {
            assert_eq!(honest(text), Ok(()));
        }
        for (word, other) in [
            ("BTC-PERP:60000", "BTC-PERP:1"),
            ("buy:0.5", "sell:0.5"),
            ("1795766400", "1795766401"),
            ("\"most_lots\": 10", "\"most_lots\": 1"),
            ("\"taker\": null", "\"taker\": \"me\""),
        ] {
            assert!(text.contains(word), "{word}: {text}");
            let failure = honest(&text.replace(word, other)).unwrap_err();
            assert_eq!(failure.code(), 1, "{word}");
        }
    }

    #[test]
    fn a_changed_byte_another_program_and_what_is_no_quote_are_refused() {
        let message = message();
        let mut other = message.clone();
        other.nonce += 1;
        assert_eq!(
            parse(&text(&message, &other.encode())).unwrap_err().code(),
            1
        );
        let mut other = message.clone();
        other.program = Pubkey::default();
        assert_eq!(parse(&text(&other, &other.encode())).unwrap_err().code(), 2);
        assert_eq!(
            parse(&text(&message, &message.encode()[1..]))
                .unwrap_err()
                .code(),
            2
        );
        for broken in ["", "{}", "[]", "{\"message\": 5}"] {
            assert_eq!(parse(broken).unwrap_err().code(), 2, "{broken}");
        }
    }
}
