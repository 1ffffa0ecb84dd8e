//! How the sentences of a section become tests.

/// Declares the sentences of a section, and the macro that makes a test of each. A function that
/// does not stand in its section's list is dead code.
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
                            // What `super` names is the module of the call.
                            $crate::testing::contract::run(super::fresh_store(), sentence);
                        }
                    )+
                }
            };
        }
    };
}
