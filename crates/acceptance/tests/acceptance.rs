//! The black-box tests: one binary, a module per subject.
