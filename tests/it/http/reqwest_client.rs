//! The client that the framework comes with, against real servers on loopback.
#![cfg(feature = "http-client")]

use std::error::Error as _;
use std::future::pending;
use std::time::Duration;

use http::{Request, StatusCode};
use rocket::tokio::io::{AsyncReadExt, AsyncWriteExt};
use rocket::tokio::net::{TcpListener, TcpStream};
use rocket_security::Error;
use rocket_security::http::{HttpClient, ReqwestClient};

/// Starts a server that says `answer` to one request and then does `then`. Returns its URL, and the request
/// that it read.
async fn server<F>(
    answer: &'static str,
    then: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (String, rocket::tokio::task::JoinHandle<String>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let read = rocket::tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        request.truncate(length);
        stream.write_all(answer.as_bytes()).await.unwrap();
        then(stream).await;
        String::from_utf8(request).unwrap()
    });
    (url, read)
}

async fn close(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
}

fn post(url: &str) -> Request<Vec<u8>> {
    Request::post(url).header("x-purpose", "test").body(b"{\"a\":1}".to_vec()).unwrap()
}

#[rocket::async_test]
async fn a_request_arrives_as_it_is_and_the_response_comes_back() {
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-Made-By: them\r\n\r\nnone";
    let (url, read) = server(answer, close).await;
    let client = ReqwestClient::new().unwrap();
    let response = client.send(post(&format!("{url}/keys?x=1"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["x-made-by"], "them");
    assert_eq!(response.into_body(), b"none");
    let request = read.await.unwrap();
    assert!(request.starts_with("POST /keys?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-purpose: test\r\n") && request.ends_with("{\"a\":1}"), "{request}");
}

#[rocket::async_test]
async fn a_redirect_is_not_followed() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let (url, _) = server(answer, close).await;
    let response = ReqwestClient::new().unwrap().send(post(&url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(response.headers()["location"], "http://127.0.0.1:1/");
}

#[rocket::async_test]
async fn a_response_without_an_end_is_cut_off() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let (url, _) = server(
        answer,
        async |mut stream: TcpStream| {
            while stream.write_all(&[b'a'; 1024]).await.is_ok() {}
        },
    )
    .await;
    let client = ReqwestClient::new().unwrap().max_response(10_000);
    let fault = client.send(post(&url)).await.unwrap_err();
    assert!(fault.to_string().contains("10000 bytes"), "{fault}");
}

#[rocket::async_test]
async fn a_server_that_does_not_answer_is_given_up() {
    let (url, _) = server("HTTP/1.1 200 OK\r\n", async |_stream: TcpStream| {
        pending::<()>().await;
    })
    .await;
    let client = ReqwestClient::with_timeout(Duration::from_millis(200)).unwrap();
    let fault = client.send(post(&url)).await.unwrap_err();
    assert!(matches!(fault, Error::Http(_)), "{fault:?}");
}

#[rocket::async_test]
async fn a_fault_does_not_show_the_url_which_may_hold_a_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?key=hush", listener.local_addr().unwrap());
    drop(listener);
    let fault = ReqwestClient::new().unwrap().send(post(&url)).await.unwrap_err();
    let told = format!("{fault} {fault:?} {}", fault.source().unwrap());
    assert!(!told.contains("hush"), "{told}");
}
