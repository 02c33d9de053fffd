//! Declares an operation once, for both the router and the control plane's OpenAPI document.

use crate::app::App;
use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use std::sync::Arc;
use utoipa::openapi::HttpMethod;

/// Declares a type whose `routes` map operations to their handlers and whose `openapi` describes them.
///
/// Path, method and description come from `#[utoipa::path]` on the handler. The description is only built when
/// `openapi` is called.
macro_rules! operations {
    ($(#[$attribute:meta])* $name:ident: $($module:ident::$handler:ident,)+) => { ::pastey::paste! {
        $(#[$attribute])*
        #[derive(::utoipa::OpenApi)]
        #[openapi(paths($($module::$handler),+))]
        pub(in crate::http) struct $name;

        impl $name {
            pub(in crate::http) fn routes() -> ::axum::Router<::std::sync::Arc<$crate::app::App>> {
                let router = ::axum::Router::new();
                $(
                    let router = $crate::http::declared::add::<$module::[<__path_ $handler>], _, _>(
                        router,
                        $module::$handler,
                    );
                )+
                router
            }
        }
    }};
}

pub(super) use operations;

/// Adds a handler under the path and methods of its description `P`.
pub(super) fn add<P: utoipa::Path, H: Handler<T, Arc<App>>, T: 'static>(
    router: Router<Arc<App>>,
    handler: H,
) -> Router<Arc<App>> {
    match P::methods().iter().map(filter).reduce(MethodFilter::or) {
        Some(filter) => router.route(&P::path(), on(filter, handler)),
        None => router,
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
