//! The table of routes. A route can only be added together with what it needs, so that none is
//! open by accident.

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Resource, Responder, Route, web};
use powerjob_common::status::Permission;

use super::error::unknown_method;
use super::{
    app, calendar, event, forward, guard, inspection, instance, job, log, openapi, run, schedule,
    server, session, statistics, worker,
};

/// What a request needs before its handler sees it, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Open to everybody.
    Nothing,
    /// Any account.
    SignedIn,
    /// A permission on everything.
    Global(Permission),
    /// A permission on the application `{appId}`.
    App(Permission),
    /// A permission on the application of the job `{jobId}`.
    Job(Permission),
    /// A permission on the application of the instance `{instanceId}`.
    Instance(Permission),
    /// An address from which workers are trusted (ADR 016).
    WorkerAddress,
}

impl std::fmt::Display for Needs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::SignedIn => f.write_str("an account"),
            Self::Global(permission) => write!(f, "{permission} on everything"),
            Self::App(permission) => write!(f, "{permission} on the application"),
            Self::Job(permission) => write!(f, "{permission} on the job's application"),
            Self::Instance(permission) => write!(f, "{permission} on the instance's application"),
            Self::WorkerAddress => f.write_str("an address trusted for workers"),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// The path below `/v1`.
    pub path: &'static str,
    /// What it needs.
    pub needs: Needs,
}

/// Collects routes.
#[derive(Default)]
pub struct Routes {
    resources: Vec<(&'static str, Vec<Route>)>,
    rules: Vec<Rule>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.rules).finish()
    }
}

macro_rules! methods {
    ($($name:ident $method:ident),+) => {
        $(
            /// Adds a route for this method.
            pub fn $name<F, Args>(&mut self, path: &'static str, needs: Needs, handler: F)
            where
                F: Handler<Args>,
                Args: FromRequest + 'static,
                F::Output: Responder + 'static,
            {
                self.add(Method::$method, path, needs, handler);
            }
        )+
    };
}

impl Routes {
    methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

    fn add<F, Args>(&mut self, method: Method, path: &'static str, needs: Needs, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let is_for_owner = forward::is_for_owner(&method, path);
        let route = web::method(method.clone())
            .to(handler)
            .wrap(from_fn(move |request, next| {
                guard::admit(needs, is_for_owner, request, next)
            }));
        self.rules.push(Rule {
            method,
            path,
            needs,
        });
        match self.resources.iter_mut().find(|(known, _)| *known == path) {
            Some((_, routes)) => routes.push(route),
            None => self.resources.push((path, vec![route])),
        }
    }

    /// The table.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The resources to be registered; other methods of their paths are refused with 405.
    pub fn into_resources(self) -> Vec<Resource> {
        let resource = |(path, routes): (&str, Vec<Route>)| {
            let resource = routes
                .into_iter()
                .fold(Resource::new(path), Resource::route);
            resource.default_service(web::to(unknown_method))
        };
        self.resources.into_iter().map(resource).collect()
    }
}

/// All routes below `/v1`.
pub fn all_routes() -> Routes {
    let mut routes = Routes::default();
    run::configure(&mut routes);
    session::configure(&mut routes);
    app::configure(&mut routes);
    job::configure(&mut routes);
    calendar::configure(&mut routes);
    statistics::configure(&mut routes);
    schedule::configure(&mut routes);
    instance::configure(&mut routes);
    log::configure(&mut routes);
    worker::configure(&mut routes);
    event::configure(&mut routes);
    inspection::configure(&mut routes);
    server::configure(&mut routes);
    openapi::configure(&mut routes);
    routes
}
