//! Sockets as programs open them.

use rocket::fairing::AdHoc;
use rocket::futures::{SinkExt, StreamExt};
use rocket::tokio::net::TcpStream;
use rocket::tokio::sync::mpsc::unbounded_channel;
use rocket::{Build, Rocket, tokio};
use rocket_security::testing::TestApp;
use rocket_ws::{Channel, Message, WebSocket};
use serde_json::Value;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Serves an application with the database of another, at a port of its own, which is given.
pub(crate) async fn serve(rocket: Rocket<Build>, app: &TestApp, settings: Value) -> u16 {
    let (sender, mut ports) = unbounded_channel();
    let rocket = rocket.attach(AdHoc::on_liftoff("port", move |rocket| {
        sender.send(rocket.config().port).unwrap();
        Box::pin(async {})
    }));
    let figment = TestApp::figment(rocket.figment(), app.database(), settings).merge(("port", 0));
    tokio::spawn(rocket.configure(figment).launch());
    ports.recv().await.unwrap()
}

/// Opens a socket with these headers; what it says first and says back, or the status that refuses.
pub(crate) async fn open(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<String, u16> {
    let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut socket = match client_async(request, stream).await {
        Ok((socket, _)) => socket,
        Err(Error::Http(answer)) => return Err(answer.status().as_u16()),
        Err(fault) => panic!("{fault}"),
    };
    let greeting = socket.next().await.unwrap().unwrap().into_text().unwrap();
    socket.send(Message::text("echo")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "echo");
    socket.close(None).await.unwrap();
    Ok(greeting)
}

/// Greets, and then says back whatever it is told.
pub(crate) fn greeting(socket: WebSocket, greeting: String) -> Channel<'static> {
    socket.channel(move |mut stream| {
        Box::pin(async move {
            stream.send(greeting.into()).await?;
            while let Some(said) = stream.next().await {
                stream.send(said?).await?;
            }
            Ok(())
        })
    })
}
