//! Turns the sentences of a section into tests.

/// Declares the sentences of a section, and the macro that turns each of them into a test. A function that is
/// missing from its section's list is dead code.
macro_rules! section {
    ($section:ident in $tests:ident: $($sentence:ident,)+) => {
        pub mod sentences {
            $(pub use crate::testing::contract::$section::$sentence;)+
        }

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $tests {
            () => {
                mod $section {
                    $(
                        #[test]
                        fn $sentence() {
                            let sentence = $crate::testing::contract::sentences::$section::$sentence;
                            // `super` refers to the module of the caller.
                            $crate::testing::contract::run(super::fresh_store(), sentence);
                        }
                    )+
                }
            };
        }
    };
}
