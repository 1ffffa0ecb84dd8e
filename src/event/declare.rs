//! How the events are declared: their names, their fields, and what is asked of each.

/// Declares the events: a name and a field or two each; every one has an `Origin` besides.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $variant:ident, $name:literal, $user:expr, { $($(#[$note:meta])* $field:ident: $type:ty,)* }
    )+) => {
        /// Something that happened to an account or a session.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "event", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Event {
            $(
                $(#[$doc])*
                $variant {
                    $($(#[$note])* $field: $type,)*
                    /// When, from where, in which request and by whom.
                    origin: Origin,
                },
            )+
        }

        impl Event {
            /// Returns its name, which is also its tag in JSON: `user_authenticated`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }

            /// Returns the account that it is about, if it is about one.
            #[allow(unused_variables, reason = "most events need one field of theirs for it, or none")]
            pub fn user(&self) -> Option<UserId> {
                match self {
                    $(Self::$variant { $($field,)* .. } => $user,)+
                }
            }

            /// Says when it happened, and from where.
            pub fn origin(&self) -> &Origin {
                match self {
                    $(Self::$variant { origin, .. } => origin,)+
                }
            }

            pub(super) fn origin_mut(&mut self) -> &mut Origin {
                match self {
                    $(Self::$variant { origin, .. } => origin,)+
                }
            }
        }
    };
}

pub(super) use events;
