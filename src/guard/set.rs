//! What guards of roles and guards of permissions have in common.

/// Makes a guard of a struct with the fields `user` and `set`: it lets in whoever has
/// (`$has`) all or any (`$quantifier`) of the names in a set, tells what is missing (`$missing`), and looks the
/// names up (`$lacks`) at the launch; `$demands` puts them into the access map.
macro_rules! set_guard {
    ($guard:ident, $set:ident, $quantifier:ident, $has:ident, $missing:ident, $lacks:ident, $demands:ident) => {
        impl<S> $guard<S> {
            /// Gives the user.
            pub fn into_user(self) -> User {
                self.user.into_user()
            }
        }

        impl<S> Deref for $guard<S> {
            type Target = AuthUser;

            fn deref(&self) -> &AuthUser {
                &self.user
            }
        }

        impl<S> fmt::Debug for $guard<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($guard)).field(&self.user).finish()
            }
        }

        #[async_trait]
        impl<'r, S: $set> FromRequest<'r> for $guard<S> {
            type Error = Rejection;

            async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Rejection> {
                match AuthUser::from_request(request).await {
                    Outcome::Success(user) => {
                        let mut names = S::names();
                        if names.iter().$quantifier(|name| user.$has(name)) {
                            Outcome::Success(Self { user, set: PhantomData })
                        } else {
                            names.retain(|name| !user.$has(name));
                            let missing = crate::event::Missing::$missing(names);
                            crate::guard::tell::tell_unauthorized(request, &user, missing);
                            crate::web::catchers::refuse(request, Rejection::Forbidden)
                        }
                    }
                    Outcome::Error(error) => Outcome::Error(error),
                    Outcome::Forward(status) => Outcome::Forward(status),
                }
            }
        }

        #[async_trait]
        impl<'r, S: $set> Credentials<'r> for $guard<S> {
            async fn are_given(request: &'r Request<'_>) -> bool {
                AuthUser::are_given(request).await
            }
        }

        impl<S: $set> Sentinel for $guard<S> {
            fn abort(rocket: &Rocket<Ignite>) -> bool {
                let names = S::names();
                let demand = Demand::of(Who::Users, stringify!($guard)).$demands(&names).csrf();
                demands(rocket, demand, || {
                    is_unattached::<Self>(rocket)
                        || crate::guard::named::$lacks::<Self>(rocket, &names)
                })
            }
        }
    };
}

pub(super) use set_guard;
