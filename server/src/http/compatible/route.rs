//! The table of the compatible routes. As under `/v1`, a route can only be added together with what
//! it needs.

use std::future::Future;

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, Resource, Route, web};
use powerjob_common::status::Permission;
use serde_json::{Value, json};

use super::call::Input;
use super::context::Context;
use super::failure::Failure;
use super::guard;

/// What a request is about: where its application is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The application `appId` of parameters or body.
    App,
    /// The application `appIdEq` of the body.
    Query,
    /// The job `jobId`.
    Job,
    /// The same, where it is switched; the reference words a mistake in another way there.
    SwitchedJob,
    /// The same, where it is run.
    StartedJob,
    /// The job `jobId`, whatever application the request names.
    AnyJob,
    /// The job in the body, and the application it is saved for.
    SavedJob,
    /// The instance `instanceId` of parameters or body.
    Instance,
    /// The log of the instance `instanceId`; one that does not exist has none.
    InstanceLog,
    /// The instance `instanceId`, whatever application the request names.
    AnyInstance,
    /// The workflow `workflowId`, which has to be one of `appId`.
    Workflow,
    /// The workflow in the body, and the application it is saved for.
    SavedWorkflow,
    /// The nodes in the body.
    SavedNodes,
    /// The run `wfInstanceId` of a workflow, which has to be one of `appId`.
    WorkflowRun,
    /// The application of the header: there is no other object.
    Header,
    /// The application in the body, unless it is a new one.
    SavedApp,
    /// The namespace in the body, unless it is a new one.
    SavedNamespace,
    /// The namespace `id`.
    Namespace,
}

/// What a request needs before its handler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Open to everybody.
    Nothing,
    /// Nothing; who asks is found out all the same.
    MaybeSignedIn,
    /// Any account.
    SignedIn,
    /// A permission on everything.
    Global(Permission),
    /// A permission on what the request is about.
    Person(Permission, About),
    /// A token of the application that the request is about.
    Program(About),
    /// Nothing: it is how programs get their token.
    ProgramEntrance,
    /// A signature in the path.
    Signature,
}

impl std::fmt::Display for Needs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::MaybeSignedIn => f.write_str("nothing, and looks who it is"),
            Self::SignedIn => f.write_str("an account"),
            Self::Global(permission) => write!(f, "{permission} on everything"),
            Self::Person(permission, about) => write!(f, "{permission} on {about:?}"),
            Self::Program(about) => write!(f, "a token for {about:?}"),
            Self::ProgramEntrance => f.write_str("a password"),
            Self::Signature => f.write_str("a signature"),
        }
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Any server, from the database.
    Anywhere,
    /// The owner of the application.
    Owner,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
    /// What it needs.
    pub needs: Needs,
}

/// What the guard has to know of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) needs: Needs,
    pub(super) input: Input,
    pub(super) place: Place,
}

impl Entry {
    pub(super) const fn params(needs: Needs) -> Self {
        Self {
            needs,
            input: Input::Params,
            place: Place::Anywhere,
        }
    }

    pub(super) const fn json(needs: Needs) -> Self {
        Self {
            needs,
            input: Input::Json,
            place: Place::Anywhere,
        }
    }

    /// The same, answered by the owner of the application.
    pub(super) const fn by_owner(self) -> Self {
        Self {
            place: Place::Owner,
            ..self
        }
    }
}

/// What handlers return.
pub(super) trait Answers {
    fn respond(self) -> HttpResponse;
}

impl Answers for Result<Value, Failure> {
    fn respond(self) -> HttpResponse {
        match self {
            Ok(data) => {
                HttpResponse::Ok().json(json!({"success": true, "data": data, "message": null}))
            }
            Err(failure) => failure.response(),
        }
    }
}

impl Answers for Result<HttpResponse, Failure> {
    fn respond(self) -> HttpResponse {
        self.unwrap_or_else(|failure| failure.response())
    }
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

impl Routes {
    pub(super) fn get<F, Fut>(&mut self, path: &'static str, entry: Entry, handler: F)
    where
        F: Fn(Context) -> Fut + Clone + 'static,
        Fut: Future + 'static,
        Fut::Output: Answers,
    {
        self.add(Method::GET, path, entry, handler);
    }

    pub(super) fn post<F, Fut>(&mut self, path: &'static str, entry: Entry, handler: F)
    where
        F: Fn(Context) -> Fut + Clone + 'static,
        Fut: Future + 'static,
        Fut::Output: Answers,
    {
        self.add(Method::POST, path, entry, handler);
    }

    pub(super) fn add<F, Fut>(
        &mut self,
        method: Method,
        path: &'static str,
        entry: Entry,
        handler: F,
    ) where
        F: Fn(Context) -> Fut + Clone + 'static,
        Fut: Future + 'static,
        Fut::Output: Answers,
    {
        let run = move |request: HttpRequest| {
            let context = request.extensions().get::<Context>().cloned();
            let handler = handler.clone();
            async move {
                match context {
                    Some(context) => handler(context).await.respond(),
                    None => Failure::denied().response(),
                }
            }
        };
        let route = web::method(method.clone())
            .to(run)
            .wrap(from_fn(move |request, next| {
                guard::admit(entry, request, next)
            }));
        self.rules.push(Rule {
            method,
            path,
            needs: entry.needs,
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

    /// The resources to be registered, each also with a slash at its end.
    pub(super) fn into_resources(self) -> Vec<Resource> {
        let resource = |(path, routes): (&'static str, Vec<Route>)| {
            let resource = routes
                .into_iter()
                .fold(Resource::new([path, &format!("{path}/")]), Resource::route);
            resource
                .route(web::method(Method::OPTIONS).to(guard::preflight))
                .default_service(web::to(guard::wrong_method))
        };
        self.resources.into_iter().map(resource).collect()
    }
}
