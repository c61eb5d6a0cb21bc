//! The contract suite, generic over any store.
