//! Signed quotes on chain: a delegate signs, a taker fills, lots are counted, and what cannot fill is not even built.

use client_core::Scope;
use portfolio_margin_client::quotes::{self, nonces_of};
use portfolio_margin_client::{
    Client, ClientError, Loaded, Offer, Pubkey, SignedQuote, Transactor,
};
use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::quote::QuoteCancel;
use portfolio_margin_interface::state::margin_account::SCOPE_TRADE;
use portfolio_margin_interface::state::QuoteNonces;
use sandbox::User;
use solana_instruction::Instruction;

use super::sending::{perpetual, within_budget};
use super::{account, shared, spied, transactor};

/// Both sides of a quote, loaded after the maker opened its quotes and named a server as its delegate.
struct Scene {
    client: Client,
    taker: Transactor,
    maker: Transactor,
    server: User,
    sides: Vec<Loaded>,
    nonces: QuoteNonces,
}

impl Scene {
    async fn new(taker: &str, maker: &str) -> Self {
        let network = shared();
        let (client, _) = spied(network).await;
        let keys = [account(network, taker), account(network, maker)];
        let (taker, maker) = (transactor(&client, taker), transactor(&client, maker));
        let server = User::named("a server of quotes");
        let moment = client.moment().await.unwrap();
        let (builder, owner) = (moment.builder(), maker.payer());
        let until = moment.inputs.now + 1_200;
        let opening = [
            builder.open_quotes(&owner, &keys[1]),
            builder.set_delegate((&owner, &keys[1]), server.key, SCOPE_TRADE, until),
        ];
        maker.send(&opening, &[]).await.unwrap();
        let beside = Scope::of_markets([0]);
        let sides = client.load_all(&keys, &beside).await.unwrap();
        let nonces = client.fetch(&nonces_of(&keys[1])).await.unwrap();
        Self {
            nonces: nonces.expect("open quotes"),
            client,
            taker,
            maker,
            server,
            sides,
        }
    }

    fn now(&self) -> i64 {
        self.sides[0].moment.inputs.now
    }

    /// Ten lots of BTC's perpetual for this taker alone, two at the least.
    fn offer(&self, nonce: u64) -> Offer {
        let market = &self.sides[0].moment.inputs.markets[0];
        Offer {
            taker: Some(self.sides[0].key),
            nonce,
            expires: self.now() + 600,
            most_lots: 10,
            least_lots: 2,
            legs: vec![perpetual(0, 1_000, market.1.price.raw())],
        }
    }

    fn signed_by(&self, signer: &User, nonce: u64) -> SignedQuote {
        let (house, maker) = (self.client.house(), self.sides[1].key);
        let (key, offer) = (signer.keypair(), self.offer(nonce));
        quotes::sign(&key, &maker, &house, &self.nonces, &offer).unwrap()
    }

    fn fill(&self, quote: &SignedQuote, lots: [u64; 2]) -> Result<Vec<Instruction>, ClientError> {
        let (builder, key) = (self.sides[0].builder(), self.taker.payer());
        let (taken, made) = (self.sides[0].side(), self.sides[1].side());
        let mut ixs = vec![builder.update_quote_price()?, builder.update_market(0)?];
        ixs.extend(builder.fill_quote(&taken, &key, &made, quote, lots)?);
        Ok(ixs)
    }

    async fn filled(&self, nonce: u64) -> Option<u64> {
        let key = nonces_of(&self.sides[1].key);
        let nonces: Option<QuoteNonces> = self.client.fetch(&key).await.unwrap();
        nonces.and_then(|nonces| nonces.filled(nonce))
    }

    /// Sends what must be refused; returns the reason.
    async fn refused(&self, ixs: &[Instruction]) -> ErrorCode {
        let error = self.taker.send(ixs, &[]).await.unwrap_err();
        let code = error.failure().and_then(|failure| failure.code());
        code.unwrap_or_else(|| panic!("{error}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_signed_by_a_delegate_is_filled_counted_and_cancelled() {
    let scene = Scene::new("keeper", "maker").await;
    let quote = scene.signed_by(&scene.server, 5);
    let four = scene.fill(&quote, [4, 4]).unwrap();
    let landed = scene.taker.send(&four, &[]).await.unwrap();
    within_budget(&scene.client, &landed).await;
    assert_eq!(scene.filled(5).await, Some(4));
    let one = scene.fill(&quote, [1, 1]).unwrap();
    assert_eq!(scene.refused(&one).await, ErrorCode::QuoteLots); // the quote wants two
    let builder = scene.sides[1].builder();
    let making = &scene.sides[1].key;
    let cancel = builder.cancel_quotes(&scene.server.key, making, QuoteCancel::Nonce(5));
    let server = scene.server.keypair();
    scene.maker.send(&[cancel], &[&server]).await.unwrap();
    assert_eq!(scene.refused(&four).await, ErrorCode::QuoteUsed);
    assert_eq!(scene.filled(5).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_cannot_fill_is_not_even_built() {
    let scene = Scene::new("carol", "keeper2").await;
    let quote = scene.signed_by(&scene.server, 1);
    let (house, now) = (scene.client.house(), scene.now());
    let (taken, made) = (scene.sides[0].side(), scene.sides[1].side());
    let check = |quote: &SignedQuote, house: &Pubkey, now| quote.verify(house, &made, &taken, now);
    assert_eq!(check(&quote, &house, now).unwrap().nonce, 1);
    assert!(check(&quote, &house, now + 599).is_ok());
    assert!(check(&quote, &house, now + 600).is_err()); // expired
    let offer = Offer {
        expires: now + 9_000,
        ..scene.offer(1)
    };
    let key = scene.server.keypair();
    let longer = quotes::sign(&key, &made.key, &house, &scene.nonces, &offer).unwrap();
    assert!(check(&longer, &house, now + 1_100).is_ok());
    assert!(check(&longer, &house, now + 1_200).is_err()); // its signer's right is over
    assert!(check(&quote, &made.key, now).is_err()); // another house
    assert!(quote.verify(&house, &taken, &made, now).is_err()); // another maker
    assert!(quote.verify(&house, &made, &made, now).is_err()); // another taker
    assert!(scene.fill(&quote, [4, 4]).is_ok());
    let mallory = User::named("mallory");
    let stranger = scene.signed_by(&mallory, 1);
    let forged = SignedQuote {
        key: mallory.key,
        ..quote.clone()
    };
    for bad in [stranger, forged] {
        assert!(matches!(
            scene.fill(&bad, [4, 4]),
            Err(ClientError::Invalid(_))
        ));
    }
    for at in 0..quote.message.len() {
        let mut bent = quote.clone();
        bent.message[at] ^= 1;
        assert!(check(&bent, &house, now).is_err(), "{at}");
    }
    let text = serde_json::to_string(&quote).unwrap();
    assert_eq!(serde_json::from_str::<SignedQuote>(&text).unwrap(), quote);
}
