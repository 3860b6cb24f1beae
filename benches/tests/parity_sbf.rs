//! The parity file on the SBF build: every case goes through the VM, and its outputs are the file's to the bit.

use std::path::Path;

use bench::vm::ParityVm;
use parity::{Case, Cases, Failure, Kernel, MAX_INPUTS, MAX_OUTPUTS, VECTORS};

/// Cases of one transaction: scalar kernels are cheap, a scan may take half of what a transaction has.
const BATCH: usize = 250;

/// Cases that go through the VM together.
#[derive(Default)]
struct Batch {
    input: Vec<i64>,
    /// Line and outputs of each case.
    expected: Vec<(usize, Vec<i64>)>,
}

impl Batch {
    fn add(&mut self, case: &Case<'_>) {
        let (mut inputs, mut outputs) = ([0; MAX_INPUTS], [0; MAX_OUTPUTS]);
        let inputs = case.inputs(&mut inputs).unwrap();
        self.input
            .extend([case.kernel as i64, i64::try_from(inputs.len()).unwrap()]);
        self.input.extend_from_slice(inputs);
        let outputs = case.outputs(&mut outputs).unwrap();
        self.expected.push((case.line, outputs.to_vec()));
    }

    /// Runs what was collected and compares each case; returns how many there were.
    fn run(&mut self, vm: &mut ParityVm) -> usize {
        // a word for the count of each case's outputs
        let length = self.expected.iter().map(|(_, outputs)| outputs.len() + 1);
        let written = vm
            .evaluate(&self.input, length.sum())
            .unwrap_or_else(|error| panic!("cases from line {}: {error}", self.expected[0].0));
        let mut rest = written.as_slice();
        for (line, expected) in &self.expected {
            let (count, others) = rest.split_first().unwrap();
            let (computed, others) = others.split_at(usize::try_from(*count).unwrap());
            Failure::compare(*line, expected, computed).unwrap_or_else(|error| panic!("{error}"));
            rest = others;
        }
        assert!(rest.is_empty());
        self.input.clear();
        self.expected.drain(..).count()
    }
}

#[test]
fn case_52_the_sbf_build_reproduces_every_case_to_the_bit() {
    // GIVEN the kernel program in the VM
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deploy");
    let mut vm = ParityVm::new(&deploy).unwrap();
    let (mut batch, mut evaluated) = (Batch::default(), 0);
    // WHEN it evaluates every case of the file THEN each output is the file's
    for case in Cases::new(VECTORS) {
        let case = case.unwrap();
        let full = case.kernel == Kernel::Scan || batch.expected.len() == BATCH;
        if full && !batch.expected.is_empty() {
            evaluated += batch.run(&mut vm);
        }
        batch.add(&case);
    }
    evaluated += batch.run(&mut vm);
    assert_eq!(evaluated, Cases::new(VECTORS).count());
}

#[test]
fn the_vm_is_what_evaluates() {
    // GIVEN a case whose expected output is wrong in its last bit
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deploy");
    let mut vm = ParityVm::new(&deploy).unwrap();
    // WHEN the VM evaluates it THEN the right output comes back, not the expected one
    let written = vm.evaluate(&[Kernel::ExpNeg as i64, 1, 0], 2).unwrap();
    assert_eq!(written, [1, 1 << 38]);
}
