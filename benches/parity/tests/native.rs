//! The vector file on the machine that runs the tests, and what the comparison must notice.

use parity::{
    check, evaluate_batch, params, params_words, Cases, Failure, Kernel, MAX_INPUTS, PARAMS,
    VECTORS,
};
use risk_core::market::MarketParams;

#[test]
fn case_52_every_case_is_reproduced_to_the_bit() {
    let count = check(VECTORS).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(count > 1_500, "{count} cases");
    for (kernel, name) in Kernel::ALL {
        let cases = Cases::new(VECTORS).filter(|case| case.unwrap().kernel == kernel);
        assert!(cases.count() >= 30, "{name} is hardly covered");
    }
}

#[test]
fn scans_are_evaluated_and_refused() {
    // GIVEN the scans of the file
    let scans = VECTORS.lines().filter(|line| line.starts_with("scan "));
    let first_output =
        |line: &str| line.split_once(" = ").unwrap().1.split(' ').next() == Some("1");
    // WHEN they are counted by outcome
    let (evaluated, refused): (Vec<_>, Vec<_>) = scans.partition(|line| first_output(line));
    // THEN both outcomes are compared between targets
    assert!(evaluated.len() >= 25, "{} are evaluated", evaluated.len());
    assert!(!refused.is_empty(), "none is refused");
}

#[test]
fn a_single_bit_is_noticed() {
    // GIVEN a case and the same with its last bit changed
    let right = "exp_neg 0 = 274877906944";
    let wrong = "# comment\nexp_neg 0 = 274877906945";
    // WHEN checked THEN line, output and both values are named
    assert_eq!(check(right), Ok(1));
    let failure = Failure::Differs {
        line: 2,
        index: 0,
        expected: 274_877_906_945,
        computed: 274_877_906_944,
    };
    assert_eq!(check(wrong), Err(failure));
}

#[test]
fn what_is_no_case_is_refused() {
    for line in [
        "exp_neg = 1",
        "exp_neg 0 1 = 1",
        "exp_neg zero = 1",
        "exp_neg 0",
        "unknown 0 = 0",
        "scan 1 2 3 = 0",
    ] {
        let malformed = Failure::Malformed { line: 1 };
        assert_eq!(check(line), Err(malformed), "{line}");
    }
    // a missing output and one too many differ
    assert!(matches!(
        check("exp_neg 0 ="),
        Err(Failure::Differs { .. } | Failure::Malformed { .. })
    ));
    assert!(matches!(
        check("exp_neg 0 = 274877906944 0"),
        Err(Failure::Differs { index: 1, .. })
    ));
}

#[test]
fn a_batch_gives_what_the_cases_give() {
    // GIVEN the first cases of the file in binary
    let (mut input, mut expected) = (Vec::new(), Vec::new());
    for case in Cases::new(VECTORS).take(500) {
        let case = case.unwrap();
        let mut words = [0; MAX_INPUTS];
        let inputs = case.inputs(&mut words).unwrap();
        input.extend([case.kernel as i64, inputs.len() as i64]);
        input.extend_from_slice(inputs);
        let outputs = case.outputs(&mut words).unwrap();
        expected.push(outputs.len() as i64);
        expected.extend_from_slice(outputs);
    }
    // WHEN evaluated as a batch
    let mut output = vec![0; expected.len()];
    evaluate_batch(&input, &mut output).unwrap();
    // THEN its outputs are theirs
    assert_eq!(output, expected);
    // AND a batch that is cut off, or a buffer that is short, is refused
    assert_eq!(evaluate_batch(&input[..input.len() - 1], &mut output), None);
    assert_eq!(
        evaluate_batch(&input, &mut vec![0; expected.len() - 1]),
        None
    );
}

#[test]
fn parameters_go_to_words_and_back() {
    for preset in [
        MarketParams::MAJOR,
        MarketParams::BTC,
        MarketParams::ETH,
        MarketParams::SOL,
    ] {
        assert_eq!(params(&params_words(&preset)), preset);
    }
    // no two fields share a word
    let words: [i64; PARAMS] = std::array::from_fn(|index| index as i64 + 1);
    assert_eq!(params_words(&params(&words)), words);
}
