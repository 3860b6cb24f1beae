//! The key that signs: a file as Solana's tools write it, a JSON array of 64 bytes.

use std::path::Path;

use solana_keypair::Keypair;

use super::failure::Failure;

/// Reads a key file. Nothing of its content is ever part of an error.
pub fn read(path: &Path) -> Result<Keypair, Failure> {
    let wrong = |why: &str| Failure::usage(format!("keypair file {}: {why}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(&format!("{error}; --keypair or PM_KEYPAIR names another")))?;
    let bytes: Vec<u8> =
        serde_json::from_str(&text).map_err(|_| wrong("not a JSON array of 64 bytes"))?;
    if bytes.len() != 64 {
        return Err(wrong(&format!("{} bytes where a key has 64", bytes.len())));
    }
    Keypair::try_from(bytes.as_slice())
        .map_err(|_| wrong("its public half is not that of its secret half"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use solana_signer::Signer;

    #[test]
    fn reads_what_solanas_tools_write_and_nothing_else() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("pm-key-{}.json", std::process::id()));
        let key = Keypair::new_from_array([7; 32]);
        let written =
            |bytes: &[u8]| std::fs::write(&path, serde_json::to_string(bytes).unwrap()).unwrap();
        written(&key.to_bytes());
        assert_eq!(read(&path).unwrap().pubkey(), key.pubkey());
        let mut mixed = key.to_bytes();
        mixed[40] ^= 1;
        written(&mixed);
        let failure = read(&path).unwrap_err().to_string();
        assert!(
            failure.contains("secret half") && !failure.contains("7, 7"),
            "{failure}"
        );
        written(&key.to_bytes()[..32]);
        assert!(read(&path).unwrap_err().to_string().contains("32 bytes"));
        for text in ["", "{}", "[1, 2, 300]", "\"abc\""] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap_err().code(), 2, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("pm-key-"));
    }
}
