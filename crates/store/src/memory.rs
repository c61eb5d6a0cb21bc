//! The executable specification: simple, correct, slow; for tests only.
