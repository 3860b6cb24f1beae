//! Answers that grow when they are unpacked.

use super::*;
use crate::http::Answer;

/// Answers everything with one value.
struct Always(Value);

impl Transport for Always {
    fn call<'a>(&'a self, _: &'static str, _: Value) -> Answer<'a> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn server(&self) -> &str {
        "http://thief"
    }
}

/// A megabyte of zeros in some dozen bytes.
fn bomb() -> Value {
    let packed = zstd::stream::encode_all(&vec![0; 1 << 20][..], 0).unwrap();
    json!({"owner": Pubkey::default().to_string(), "lamports": 1, "data": [STANDARD.encode(packed), "base64+zstd"]})
}

fn rpc(value: Value, most_data: usize) -> Rpc {
    let answer = json!({"context": {"slot": 7}, "value": value});
    Rpc {
        most_data,
        ..Rpc::over(Arc::new(Always(answer)), CommitmentLevel::Confirmed, 0)
    }
}

#[tokio::test]
async fn all_accounts_of_an_answer_have_one_bound() {
    let keys: Vec<Pubkey> = (0..4).map(|n| Pubkey::from([n; 32])).collect();
    let listed = json!([bomb(), null, bomb(), bomb()]);
    let keyed = keys
        .iter()
        .map(|key| json!({"pubkey": key.to_string(), "account": bomb()}));
    let keyed = Value::Array(keyed.take(3).collect());
    for (most, is_good) in [(3 << 20, true), ((3 << 20) - 1, false)] {
        let read = rpc(listed.clone(), most).accounts(&keys).await;
        assert_eq!(read.is_ok(), is_good, "{most}");
        let rpc = rpc(keyed.clone(), most);
        let read = rpc.program_accounts(&Pubkey::default(), &[]).await;
        assert_eq!(read.is_ok(), is_good, "{most}");
        let error = read.map(|_| ()).err().map(|error| error.to_string());
        assert!(error.is_none_or(|error| error.contains("in all")));
    }
}
