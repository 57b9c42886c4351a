//! What the machine itself reaches, measured in the same run as the product.
//!
//! The limit of the database is that of the bare driver, hence SQL beside the server's store.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, DbErr, Statement, TransactionTrait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::clock::monotonic;

/// Median time of appending 4 KiB and making it durable, in milliseconds.
///
/// # Errors
/// When the folder cannot be written.
pub fn disk_sync_ms(folder: &Path) -> std::io::Result<f64> {
    let mut file = std::fs::File::create(folder.join("sync-probe"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = monotonic();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push((monotonic() - start).as_secs_f64() * 1e3);
    }
    Ok(super::stats::Quantiles::of(times).p50)
}

/// Median time of one byte there and back over loopback TCP, in microseconds.
///
/// # Errors
/// When loopback does not work.
pub async fn loopback_us() -> std::io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut byte = [0];
        while stream.read(&mut byte).await? == 1 {
            stream.write_all(&byte).await?;
        }
        std::io::Result::Ok(())
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let start = monotonic();
        stream.write_all(&[1]).await?;
        stream.read_exact(&mut [0]).await?;
        times.push((monotonic() - start).as_secs_f64() * 1e6);
    }
    drop(stream);
    echo.await.map_err(std::io::Error::other)??;
    Ok(super::stats::Quantiles::of(times).p50)
}

/// Rows a second that bare SQLite (WAL, FULL, one index) inserts in transactions of `batch` rows.
///
/// # Errors
/// Those of the database.
pub async fn bare_sqlite_rows_per_s(folder: &Path, batch: usize) -> Result<f64, DbErr> {
    let file = folder.join(format!("bare-{batch}.db"));
    let db = Database::connect(format!("sqlite:{}?mode=rwc", file.display())).await?;
    db.execute_unprepared(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE life(id INTEGER PRIMARY KEY, instance INTEGER UNIQUE, status INTEGER, result TEXT)",
    )
    .await?;
    const INSERT: &str =
        "INSERT INTO life(instance, status, result) SELECT value, 1, 'ok' FROM json_each(?)";
    let start = monotonic();
    let mut rows = 0_usize;
    while monotonic() - start < Duration::from_secs(2) {
        let ids: Vec<usize> = (rows..rows + batch).collect();
        let json = serde_json::to_string(&ids).map_err(|error| DbErr::Custom(error.to_string()))?;
        let transaction = db.begin().await?;
        let insert = Statement::from_sql_and_values(DatabaseBackend::Sqlite, INSERT, [json.into()]);
        transaction.execute_raw(insert).await?;
        transaction.commit().await?;
        rows += batch;
    }
    Ok(rows as f64 / (monotonic() - start).as_secs_f64())
}
