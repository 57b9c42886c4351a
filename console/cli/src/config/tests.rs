use super::field::{FIELDS, SECTIONS};
use super::value::Value;
use super::*;

fn sources(file: &str) -> Sources {
    Sources {
        file: Some(("powerjob.toml".to_owned(), file.to_owned())),
        ..Sources::default()
    }
}

fn mistakes(sources: &Sources) -> Vec<String> {
    match load(sources) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn nothing_configured_is_a_good_configuration() {
    let (config, _) = load(&Sources::default()).expect("defaults");
    assert_eq!(config.server.http_bind.to_string(), "127.0.0.1:7700");
    assert_eq!(config.server.lease_ttl, Duration::from_millis(1_500));
    assert_eq!(config.agent.capacity, 1_024);
    assert!(config.agent.spool && !config.log.is_json);
}

#[test]
fn every_default_fits_its_field_and_every_field_a_section() {
    for field in FIELDS {
        if !field.default.is_empty() {
            let checked = Value::Text(field.default.to_owned()).check(field.kind);
            assert_eq!(checked, Ok(()), "{}", field.path);
        }
        let section = field.path.split('.').next();
        assert!(
            SECTIONS.iter().any(|(name, _)| Some(*name) == section),
            "{}",
            field.path
        );
        assert!(field.doc.ends_with('.'), "{}", field.path);
    }
}

#[test]
fn later_sources_win() {
    let mut sources = sources(
        "[server]\nhttp_bind = \"127.0.0.1:1\"\nworker_bind = \"127.0.0.1:2\"\nnode = \"file\"",
    );
    sources.variables = vec![
        (
            "POWERJOB_SERVER__HTTP_BIND".to_owned(),
            "127.0.0.1:3".to_owned(),
        ),
        ("POWERJOB_SERVER__NODE".to_owned(), "variable".to_owned()),
        ("POWERJOB_URL".to_owned(), "not ours".to_owned()),
    ];
    sources.arguments = vec![("server.node".to_owned(), "argument".to_owned())];
    let (config, raw) = load(&sources).expect("good");
    assert_eq!(config.server.http_bind.port(), 3);
    assert_eq!(config.server.worker_bind.port(), 2);
    assert_eq!(config.server.node.as_deref(), Some("argument"));
    let shown = raw.effective();
    let origin = |path: &str| {
        let found = shown.iter().find(|effective| effective.field == path);
        found.expect("field").origin.clone()
    };
    assert_eq!(origin("server.worker_bind"), "powerjob.toml:3:15");
    assert_eq!(origin("server.http_bind"), "POWERJOB_SERVER__HTTP_BIND");
    assert_eq!(origin("server.data_dir"), "default");
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let cases = [
        (
            "[server]\nhttp_bnd = \"x\"",
            "powerjob.toml:2:1: server.http_bnd: there is no such field; do you mean server.http_bind?",
        ),
        (
            "[sever]\n",
            "powerjob.toml:1:2: sever: there is no such section; do you mean server?",
        ),
        (
            "server = 1",
            "powerjob.toml:1:1: server: is a section: write [server] above its fields",
        ),
        (
            "[server]\nhttp_bind = \"x\"",
            "powerjob.toml:2:13: server.http_bind: `x` is no address",
        ),
        (
            "[server]\nhttp_bind = 7700",
            "powerjob.toml:2:13: server.http_bind: `7700` is no text: put it in quotes",
        ),
        (
            "[server]\nlease_ttl = 1500",
            "powerjob.toml:2:13: server.lease_ttl: `1500` is no span of time",
        ),
        (
            "[server]\nlease_ttl = \"1ms\"",
            "powerjob.toml:2:13: server.lease_ttl: 1ms is out of range: 500ms to 1m",
        ),
        (
            "[server]\nlease_ttl = \"500ms\"",
            "powerjob.toml:2:13: server.lease_ttl: lease_ttl must be at least three times",
        ),
        (
            "[server]\nlease_renewal = \"1s\"",
            "powerjob.toml:2:17: server.lease_renewal: lease_ttl must be at least",
        ),
        (
            "[server]\nzone = \"Mars/North\"",
            "powerjob.toml:2:8: server.zone: `Mars/North` is no time zone",
        ),
        (
            "[server]\nshards = 0",
            "powerjob.toml:2:10: server.shards: 0 is out of range: 1 to 64",
        ),
        (
            "[server]\nshards = 1.5",
            "powerjob.toml:2:10: server.shards: `1.5` is no whole number",
        ),
        (
            "[server]\nnode = \"a b\"",
            "powerjob.toml:2:8: server.node: takes 1 to 64 characters",
        ),
        (
            "[server]\nnode = \"\"",
            "powerjob.toml:2:8: server.node: is empty",
        ),
        (
            "[server]\nworker_bind = \"0.0.0.0:7700\"",
            "server.worker_bind: port 7700 is that of server.http_bind",
        ),
        (
            "[server]\nadmin_password = \"a\"\nadmin_password_file = \"b\"",
            "server.admin_password_file: server.admin_password is set as well",
        ),
        (
            "[agent]\nsecret_file = \"/does/not/exist\"",
            "powerjob.toml:2:15: agent.secret_file: /does/not/exist: ",
        ),
        (
            "[agent]\nservers = [\"10.0.0.1\"]",
            "powerjob.toml:2:11: agent.servers: `10.0.0.1` is no host:port",
        ),
        (
            "[agent]\nservers = []",
            "powerjob.toml:2:11: agent.servers: names no server",
        ),
        (
            "[agent]\nspool = \"perhaps\"",
            "powerjob.toml:2:9: agent.spool: `perhaps` is neither true nor false",
        ),
        (
            "[log]\nformat = \"xml\"",
            "powerjob.toml:2:10: log.format: `xml` is none of text, json",
        ),
        (
            "[log]\nlevel = \"a=b=c\"",
            "powerjob.toml:2:9: log.level: `a=b=c`",
        ),
        ("[server]\nhttp_bind = ", "powerjob.toml:2:"),
    ];
    for (file, expected) in cases {
        let found = mistakes(&sources(file));
        assert_eq!(found.len(), 1, "{file}: {found:?}");
        assert!(found[0].contains(expected), "{file}: {found:?}");
    }
}

#[test]
fn all_mistakes_of_all_sources_are_told_at_once() {
    let mut sources = sources("[server]\nshards = 0\nhttp_bind = \"x\"\n[agnt]\n");
    sources.variables = vec![("POWERJOB_SERVER__SHRDS".to_owned(), "1".to_owned())];
    sources.arguments = vec![("log.format".to_owned(), "xml".to_owned())];
    let found = mistakes(&sources);
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(
        found
            .iter()
            .any(|mistake| mistake.starts_with("POWERJOB_SERVER__SHRDS: ")
                && mistake.ends_with("do you mean POWERJOB_SERVER__SHARDS?"))
    );
}

#[test]
fn secrets_are_neither_shown_nor_quoted() {
    let file = "[server]\nadmin_password = \"hush\"\ndatabase_url = \"postgres://u:hush@h/d\"\n[agent]\nsecret = \"hush\"";
    let (config, raw) = load(&sources(file)).expect("good");
    assert!(!format!("{config:?}").contains("hush"));
    assert!(!format!("{:?}", raw.effective()).contains("hush"));
    assert_eq!(config.agent.secret.expect("given").expose(), "hush");
}

#[test]
fn a_secret_may_come_from_a_file() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("secret");
    std::fs::write(&path, "hush\nsecond line\n").expect("written");
    let file = format!("[agent]\nsecret_file = \"{}\"", path.display());
    let (config, _) = load(&sources(&file)).expect("good");
    assert_eq!(config.agent.secret.expect("given").expose(), "hush");
}

#[test]
fn the_page_of_the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == reference_page(),
        "run: cargo run -p powerjob-cli -- config reference > docs/configuration.md"
    );
}
