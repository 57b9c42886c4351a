//! Embeds the files of `web/dist`, if there are any, as a table sorted by path.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let web = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("web");
    let dist = web.join("dist");
    println!("cargo::rerun-if-changed=build.rs");
    let table = if dist.join("index.html").is_file() {
        println!("cargo::rerun-if-changed={}", dist.display());
        table(&dist)?
    } else {
        // A watched path that is missing would rebuild every time. The build of the console
        // touches this file when it is done (scripts/compress.mjs).
        println!(
            "cargo::rerun-if-changed={}",
            web.join("package.json").display()
        );
        String::from("&[]")
    };
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("assets.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(io::Error::other)
}

fn table(dist: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    collect(dist, &mut files)?;
    let mut paths: Vec<(String, PathBuf)> = files
        .into_iter()
        .filter(|file| file.extension().is_none_or(|extension| extension != "gz"))
        .map(|file| (relative(dist, &file), file))
        .collect();
    paths.sort();
    let mut table = String::from("&[\n");
    for (path, file) in &paths {
        writeln!(table, "    {},", entry(path, file)?).map_err(io::Error::other)?;
    }
    table.push(']');
    Ok(table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn relative(dist: &Path, file: &Path) -> String {
    let path = file.strip_prefix(dist).unwrap_or(file);
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn entry(path: &str, file: &Path) -> io::Result<String> {
    let bytes = fs::read(file)?;
    let mut packed = file.as_os_str().to_owned();
    packed.push(".gz");
    let gzip = match Path::new(&packed).is_file() {
        true => format!("Some(include_bytes!({:?}))", Path::new(&packed)),
        false => String::from("None"),
    };
    Ok(format!(
        "Asset {{ path: {path:?}, bytes: include_bytes!({file:?}), gzip: {gzip}, \
         content_type: {:?}, etag: {:?}, immutable: {} }}",
        content_type(path),
        etag(&bytes),
        path.starts_with("assets/"),
    ))
}

/// A quoted strong validator: the same bytes have the same one.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("\"{:016x}-{:x}\"", hasher.finish(), bytes.len())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
