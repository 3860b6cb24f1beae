//! The command line itself: what is no command, what is no file, and the help.

mod support;

use support::pm;

#[test]
fn usage_errors_end_with_two() {
    assert_eq!(pm(&[], "").code, 2);
    assert_eq!(pm(&["margin"], "").code, 2);
    assert_eq!(pm(&["ponder"], "").code, 2);
    let missing = pm(&["margin", "no-such-file.json"], "");
    assert_eq!(missing.code, 2);
    assert!(
        missing.stderr.contains("no-such-file.json: "),
        "{}",
        missing.stderr
    );
    for command in ["price", "margin", "matrix"] {
        let help = pm(&[command, "--help"], "");
        assert_eq!(help.code, 0);
        assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
    }
}
