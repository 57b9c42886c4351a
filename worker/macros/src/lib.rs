//! The attribute macro that declares a processor.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Error, Expr, ExprArray, ExprLit, FnArg, ItemFn, Lit, LitStr, MetaNameValue, Result, Token,
    Type, parse_macro_input,
};

/// Declares a function as a processor; every worker of the program finds it by its name.
///
/// `name` is the name by which jobs call it, by default that of the function; `aliases` are further
/// names, e.g. the Java class that it replaces. The function may be `async` or plain (then it runs on
/// the pool of blocking threads). It takes nothing, the context `&TaskContext`, typed parameters read
/// from JSON, or the context and then parameters. It returns a `Result` or a value: a text is the
/// result as it is, any other value its JSON, `()` nothing; an error or a panic fails the run.
///
/// `pre`, `post` (of a broadcast) and `reduce` (of a map-reduce) name further functions:
/// `async fn pre(ctx: &TaskContext)`, and `async fn post(ctx: &TaskContext, results: TaskResults)`.
#[proc_macro_attribute]
pub fn powerjob_handler(options: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    expand(options, &function).unwrap_or_else(|error| {
        let error = error.to_compile_error();
        quote!(#function #error).into()
    })
}

fn expand(options: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let options = Options::parse(options, function)?;
    let call = call_of(function)?;
    let Options {
        name,
        aliases,
        steps,
    } = options;
    let [pre, post, reduce] = steps.calls();
    let static_name = format_ident!(
        "POWERJOB_HANDLER_{}",
        function.sig.ident.to_string().to_uppercase()
    );
    let expanded = quote! {
        #function

        const _: () = {
            #[::powerjob_worker::__private::linkme::distributed_slice(::powerjob_worker::__private::HANDLERS)]
            #[linkme(crate = ::powerjob_worker::__private::linkme)]
            static #static_name: ::powerjob_worker::__private::Handler = ::powerjob_worker::__private::Handler {
                name: #name,
                aliases: &[#(#aliases),*],
                place: ::core::concat!(::core::file!(), ":", ::core::line!()),
                call: #call,
                steps: ::powerjob_worker::__private::StepCalls {
                    pre: #pre,
                    post: #post,
                    reduce: #reduce,
                },
            };
        };
    };
    Ok(expanded.into())
}

struct Options {
    name: LitStr,
    aliases: Vec<LitStr>,
    steps: Steps,
}

/// The functions that come before and after the tasks of an instance.
#[derive(Default)]
struct Steps {
    pre: Option<Expr>,
    post: Option<Expr>,
    reduce: Option<Expr>,
}

impl Steps {
    fn calls(&self) -> [Tokens; 3] {
        let ctx = quote!(ctx);
        let with_results = quote!(ctx, ::powerjob_worker::__private::results(ctx));
        [
            step(self.pre.as_ref(), &ctx),
            step(self.post.as_ref(), &with_results),
            step(self.reduce.as_ref(), &with_results),
        ]
    }
}

fn step(function: Option<&Expr>, arguments: &Tokens) -> Tokens {
    let Some(function) = function else {
        return quote!(::core::option::Option::None);
    };
    let returned = returned();
    quote! {
        ::core::option::Option::Some(|ctx| ::std::boxed::Box::pin(async move {
            let returned = #function(#arguments).await;
            #returned
        }))
    }
}

impl Options {
    fn parse(options: TokenStream, function: &ItemFn) -> Result<Self> {
        let ident = &function.sig.ident;
        let mut parsed = Self {
            name: LitStr::new(&ident.to_string(), ident.span()),
            aliases: Vec::new(),
            steps: Steps::default(),
        };
        let list = Punctuated::<MetaNameValue, Token![,]>::parse_terminated.parse(options)?;
        for option in list {
            if option.path.is_ident("name") {
                parsed.name = text(&option.value)?;
            } else if option.path.is_ident("aliases") {
                parsed.aliases = texts(&option.value)?;
            } else if option.path.is_ident("pre") {
                parsed.steps.pre = Some(option.value);
            } else if option.path.is_ident("post") {
                parsed.steps.post = Some(option.value);
            } else if option.path.is_ident("reduce") {
                parsed.steps.reduce = Some(option.value);
            } else {
                return Err(Error::new(
                    option.path.span(),
                    "known options are `name`, `aliases`, `pre`, `post` and `reduce`",
                ));
            }
        }
        if parsed.name.value().trim().is_empty() {
            return Err(Error::new(parsed.name.span(), "the name is empty"));
        }
        Ok(parsed)
    }
}

fn text(value: &Expr) -> Result<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Ok(text.clone()),
        other => Err(Error::new(
            other.span(),
            "expected a text, e.g. \"orders#close\"",
        )),
    }
}

fn texts(value: &Expr) -> Result<Vec<LitStr>> {
    match value {
        Expr::Array(ExprArray { elems, .. }) => elems.iter().map(text).collect(),
        other => Err(Error::new(
            other.span(),
            "expected a list of texts, e.g. [\"a\", \"b\"]",
        )),
    }
}

/// How the handler is called: reads the parameters, calls the function, converts what it returns.
fn call_of(function: &ItemFn) -> Result<Tokens> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a handler cannot be generic",
        ));
    }
    let (bindings, arguments) = arguments(function)?;
    let name = &signature.ident;
    let returned = returned();
    Ok(if signature.asyncness.is_some() {
        quote! {
            ::powerjob_worker::__private::Call::Async(|ctx| ::std::boxed::Box::pin(async move {
                #bindings
                let returned = #name(#(#arguments),*).await;
                #returned
            }))
        }
    } else {
        quote! {
            ::powerjob_worker::__private::Call::Blocking(|ctx| {
                #bindings
                let returned = #name(#(#arguments),*);
                #returned
            })
        }
    })
}

/// Converts the value `returned` of a function into the result of a run.
fn returned() -> Tokens {
    quote! {
        {
            #[allow(unused_imports)]
            use ::powerjob_worker::__private::returned::{FallibleKind as _, PlainKind as _};
            (&returned).kind().convert(returned)
        }
    }
}

fn arguments(function: &ItemFn) -> Result<(Tokens, Vec<Tokens>)> {
    let mut bindings = quote!(let _ = ctx;);
    let mut arguments = Vec::new();
    let inputs = &function.sig.inputs;
    for (index, input) in inputs.iter().enumerate() {
        let FnArg::Typed(input) = input else {
            return Err(Error::new(
                input.span(),
                "a handler is a function without `self`",
            ));
        };
        match (&*input.ty, index) {
            (Type::Reference(_), 0) => arguments.push(quote!(ctx)),
            (Type::Reference(_), _) | (_, 2..) => {
                let text = "a handler takes `&TaskContext`, then its parameters by value";
                return Err(Error::new(input.span(), text));
            }
            (_, 1)
                if arguments.len() == 1
                    && !matches!(inputs.first(), Some(FnArg::Typed(first)) if matches!(&*first.ty, Type::Reference(_))) =>
            {
                return Err(Error::new(
                    input.span(),
                    "a handler takes one value of parameters",
                ));
            }
            (params, _) => {
                bindings.extend(quote!(let params: #params = ctx.params_as()?;));
                arguments.push(quote!(params));
            }
        }
    }
    Ok((bindings, arguments))
}
