//! The stable names of everything that can go wrong; `docs/errors.md` has advice for each.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:ident, $name:literal, $title:literal;)+) => {
        /// What kind of problem it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant),+
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The name that programs decide by; never changes.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// The HTTP status it is sent with.
            pub const fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status),+ }
            }

            /// One sentence for people.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON at all.
    InvalidJson = BAD_REQUEST, "invalid-json", "The request body is not valid JSON";
    /// Fields are wrong; each is listed.
    ValidationFailed = UNPROCESSABLE_ENTITY, "validation-failed", "Some fields are not acceptable";
    /// Query parameters are wrong; each is listed.
    InvalidQuery = BAD_REQUEST, "invalid-query", "Some query parameters are not acceptable";
    /// The cursor was not made by this server for this list.
    InvalidCursor = BAD_REQUEST, "invalid-cursor", "The cursor is not one of this list";
    /// The connection ended inside the body.
    IncompleteBody = BAD_REQUEST, "incomplete-body", "The request body ended early";
    /// The body is larger than allowed.
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "The request body is too large";
    /// The body is in a form that is not understood.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The request body must be JSON";
    /// No credentials came with the request.
    NotSignedIn = UNAUTHORIZED, "not-signed-in", "Sign in first";
    /// The token was never issued or was revoked.
    TokenUnknown = UNAUTHORIZED, "token-unknown", "The token is not known";
    /// The token has run out.
    TokenExpired = UNAUTHORIZED, "token-expired", "The session has ended";
    /// The one-time ticket is used up or too old.
    TicketInvalid = UNAUTHORIZED, "ticket-invalid", "The ticket is used up or too old";
    /// Unknown account or wrong password.
    WrongCredentials = UNAUTHORIZED, "wrong-credentials", "Account or password is wrong";
    /// The account is switched off.
    AccountDisabled = FORBIDDEN, "account-disabled", "The account is switched off";
    /// Too many failed attempts.
    TooManyAttempts = TOO_MANY_REQUESTS, "too-many-attempts", "Too many failed attempts";
    /// Visible, but not allowed.
    PermissionDenied = FORBIDDEN, "permission-denied", "Permission denied";
    /// A changing request by cookie without the header that no foreign page can send.
    CrossSiteRequest = FORBIDDEN, "cross-site-request", "The request could come from a foreign page";
    /// No such path.
    PathNotFound = NOT_FOUND, "path-not-found", "There is nothing at this path";
    /// The path exists, the method does not.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not take this method";
    /// No such application, or not visible.
    AppNotFound = NOT_FOUND, "app-not-found", "No such application";
    /// No such job, or not visible.
    JobNotFound = NOT_FOUND, "job-not-found", "No such job";
    /// No such instance, or not visible.
    InstanceNotFound = NOT_FOUND, "instance-not-found", "No such instance";
    /// No such worker.
    WorkerNotFound = NOT_FOUND, "worker-not-found", "No such worker";
    /// No such account.
    AccountNotFound = NOT_FOUND, "account-not-found", "No such account";
    /// The name of an application is taken.
    AppNameTaken = CONFLICT, "app-name-taken", "An application of this name exists";
    /// The application still has work.
    AppInUse = CONFLICT, "app-in-use", "The application still has jobs or open instances";
    /// Someone else changed it meanwhile.
    RevisionConflict = CONFLICT, "revision-conflict", "It was changed meanwhile";
    /// The state does not allow the action.
    StateConflict = CONFLICT, "state-conflict", "Its state does not allow this";
    /// Another server owns the application.
    NotOwner = SERVICE_UNAVAILABLE, "not-owner", "Another server looks after this application";
    /// Queues are full.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "The server is overloaded";
    /// A part of the server is not running.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The server cannot do this now";
    /// Too many live streams.
    TooManyStreams = SERVICE_UNAVAILABLE, "too-many-streams", "Too many live streams are open";
    /// No answer in time: whether it was carried out is unknown.
    TimedOut = GATEWAY_TIMEOUT, "timed-out", "No answer in time";
    /// A defect of the server.
    Internal = INTERNAL_SERVER_ERROR, "internal", "The server failed";
}
