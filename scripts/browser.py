#!/usr/bin/env python3
"""Shows that a person with a browser gets along with every page of an account, mistakes included.

It starts the showcase and drives Chromium through registration with a username and the showcase's
own fields, the mailed link, the log-in by address and by username, pages that are not for them, a
change of password, sessions ended elsewhere, programs logged out and tokens made for them, a change of
username and its recovery, the question whether it is still them, a change of address and its undoing, a
reset, the closing of the account, its opening again and its deletion, an invitation, and links that are
dead. On every page it looks for scripts, for the
stylesheet, for what Chromium has to complain about, and whether it fits a narrow window. The two
forms as they come, without usernames and fields, are those of the quickstart.

    cargo build --examples && cargo build --features cli --bin rocket-security
    scripts/browser.py                      # the journey alone
    scripts/browser.py --screenshots docs   # and pictures of every page and mail, two for README

It needs Debian's chromium and chromium-driver, and takes about a minute: it waits until a log-in is
no longer fresh.
"""

import re
import time
from pathlib import Path

from person import Album
from person import Person
from server import Client
from server import Server
from server import check
from server import parser
from server import path_of
from server import run
from server import wait_for
from webdriver import Browser

ANN = "ann@example.org"
NEW_ADDRESS = "ann@example.net"
NAME = "ann.lee"
NEW_NAME = "ann.of.the.harbour"
DISPLAY_NAME = "Ann, the one with the boat"
FIRST = "a ferry leaves at seven"
SECOND = "the harbour sleeps till noon"
THIRD = "seven gulls share one herring"

BEN = "ben@example.org"
CARA = "cara@example.org"

# How long a proof is fresh: enough to fill in a form, and soon over.
FRESHNESS = 10


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--screenshots", type=Path, metavar="DIR", help="take pictures as well")
    arguments = arguments.parse_args()
    security = {"freshness": f"{FRESHNESS}s"}
    with Server(arguments.binary, security) as server, Browser() as browser:
        person = Person(browser, server, Album(arguments.screenshots))
        take_portraits(person, arguments.binary.parent / "quickstart")
        register_with_mistakes(person)
        register(person)
        confirm(person)
        log_in_with_mistakes(person)
        look_around(person)
        look_as_program(person)
        end_a_session(person)
        let_programs_in(person)
        log_out_and_come_back(person)
        change_password(person)
        change_username(person)
        recover_username(person)
        ask_for_another_address(person)
        change_address(person)
        undo_the_change(person)
        reset_password(person)
        close_account(person)
        open_it_again(person)
        accept_an_invitation(person)
        invite_others(person)
        be_told_that_names_and_addresses_are_taken(person)
        be_made_to_change_the_password(person)
        close_for_good(person)
        be_turned_away(person)
        person.album.take_mails(browser, server)
        print(f"{person.pages} pages looked at, nothing amiss")


def take_portraits(person, quickstart):
    print("the forms, as they are before anything is typed")
    with Server(quickstart) as server:
        plain = Person(person.browser, server, person.album)
        for page in ("register", "login"):
            plain.open(f"/{page}")
            plain.take(page, "dark", "phone")
    for page in ("register", "login"):
        person.open(f"/{page}")
        person.take(f"{page}-with-username", "dark", "phone")
    for page in ("reset", "confirm", "recover-username"):
        person.open(f"/{page}")
        person.take(page)


def register_with_mistakes(person):
    print("registering, with mistakes")
    browser = person.browser
    person.open("/")
    person.take("front-page")
    person.press("register")
    person.starts_in("email")

    person.fill(email="ann at example.org", username="admin", display_name=ANN)
    person.fill(password="short", password_confirm="shorter")
    browser.choose("shelf", "Voyages")
    browser.tick("newsletter")
    person.press("Create account", status=400)
    person.take("register-errors", "dark", "phone")
    check(browser.title().startswith("Error: "), "the title says that there is an error")
    check(browser.count(".security-field-wrong") == 5, "all five fields are marked at once")
    person.starts_in("email")
    check(browser.value("email") == "ann at example.org", "the address is there as it was typed")
    check(browser.value("password") == "", "the password is not")
    check(browser.value("shelf") == "Voyages", "the choice is there")
    check(browser.is_ticked("newsletter"), "and the tick")

    person.fill(email=ANN, username=NAME, password=FIRST, password_confirm=FIRST)
    person.press("Create account", status=400)
    person.starts_in("display_name")
    person.sees("do not show your address")
    person.take("register-field-wrong")
    check(browser.value("display_name") == ANN, "what was wrong is there as it was typed")

    person.fill(display_name=DISPLAY_NAME, password="short", password_confirm="short")
    person.press("Create account", status=400)
    person.starts_in("password")
    check(browser.value("email") == ANN, "the address is there as it was typed")


def register(person):
    print("registering")
    person.fill(password=FIRST, password_confirm=FIRST)
    person.press("Create account")
    person.is_at("/login", "that leads to the login page")
    person.sees("We sent you an email")
    person.take("login-after-registration")
    person.fill(identity=ANN, password=FIRST)
    person.press("Log in", status=400)
    person.is_at("/login", "before the address is confirmed, nobody gets in")


def confirm(person):
    print("confirming")
    path = open_link(person, ANN, "Confirm your email address", "confirm")
    person.press("Confirm my email address")
    person.is_at("/login", "the button leads to the login page")
    person.sees("is confirmed. You can log in now.")
    find_dead(person, path, "confirm")
    person.press("Log in")


def log_in_with_mistakes(person):
    print("logging in")
    person.fill(identity="ann at example.org", password=FIRST)
    person.press("Log in", status=400)
    person.starts_in("identity")
    person.fill(identity=ANN, password="not the password I chose")
    person.press("Log in", status=400)
    person.take("login-errors")
    check(person.browser.value("identity") == ANN, "after a wrong password the address is there")
    person.fill(password=FIRST)
    person.press("Log in")
    person.is_at("/", "logging in leads to the front page")


def look_around(person):
    print("looking around")
    person.sees(f"Hello, {NAME}!")
    person.take("front-page-logged-in")
    for page, text in (("My page", f"Hello, {ANN}!"), ("Payout", f"Where to, {ANN}?")):
        person.press(page)
        person.sees(text)
        person.press("Back to the front page")
    person.press("Drafts", status=403)
    person.sees("Drafts are for editors")
    person.take("forbidden-drafts")
    person.press("Back to the front page")
    person.press("Administration", status=403)
    person.sees("No permission")
    person.take("forbidden")
    person.press("Go to the home page")
    person.open("/welcome")
    person.is_at("/", "a page for guests leads whoever is logged in to the front page")
    person.press("Your account")
    for text in (ANN, NAME, DISPLAY_NAME, "You get the newsletter"):
        person.sees(text)
    person.take("account")
    person.open("/list")
    person.starts_in("title")
    person.fill(title="The Sea, the Sea")
    person.press("Put it on the list")
    person.sees("The Sea, the Sea is on your list.")
    person.take("reading-list")


def look_as_program(person):
    print("looking around as a program does")
    client = Client(person.server.url)
    user = client.post("/login", username=NAME, password=FIRST).response.get("user")
    check(user and user["name"] == NAME, "the JSON of the user is the showcase's own")
    refused = client.get("/drafts")
    is_ours = (refused.status, refused.reasons) == (403, ["forbidden"])
    check(is_ours and refused.response.get("ask") == "the desk", "and so is what 403 says")


def end_a_session(person):
    print("seeing where one is logged in, and ending what is elsewhere")
    elsewhere = Client(person.server.url)
    elsewhere.post("/login", username=NAME, password=FIRST)
    person.open("/account")
    person.press("See where you are logged in")
    person.is_at("/sessions", "that is a page of its own")
    person.take("sessions")
    person.press("End session")
    person.sees("The session has been ended.")
    check(elsewhere.get("/sessions").status == 401, "it is out with its next request")
    elsewhere.post("/login", username=NAME, password=FIRST)
    person.open("/sessions")
    person.press("End all other sessions")
    person.sees("All other sessions have been ended.")
    person.take("sessions-this-one-only")
    check(elsewhere.get("/sessions").status == 401, "and so are all others")


def let_programs_in(person):
    print("logging out a program, and making a token for another")
    program = Client(person.server.url)
    program.post("/token", username=NAME, password=FIRST)
    person.open("/tokens")
    person.take("tokens")
    person.press("Log out program")
    person.sees("No programs are logged in to your account.")
    person.open("/personal-tokens")
    person.fill(name="Nightly download")
    wait_until_stale()
    person.press("Create token")
    person.is_at("/verify?next=%2Fpersonal-tokens", "it has to be proved who makes one")
    person.fill(password=FIRST)
    person.press("Continue")
    check(person.browser.value("name") == "Nightly download", "and the form is as it was left")
    person.press("Create token", status=400)
    person.take("personal-tokens-errors")
    check(person.browser.value("name") == "Nightly download", "the name is there as it was typed")
    person.browser.tick("scope.books:read")
    person.press("Create token")
    person.sees("be able to see it again")
    person.take("personal-tokens", "dark", "phone")
    token = re.search(r"rspat_\w+", person.browser.text()).group()
    person.open("/personal-tokens")
    check(token not in person.browser.text(), "the token is shown once")
    person.press("Revoke")
    person.sees("You don't have any tokens yet.")


def log_out_and_come_back(person):
    print("logging out, and back in by way of a page that asks for it")
    person.open("/logout")
    person.take("logout")
    person.press("Log out")
    person.open("/logout")
    person.take("logged-out")
    person.open("/account")
    person.is_at("/login?next=%2Faccount", "/account leads to the login page")
    log_in(person, NAME, FIRST)
    person.is_at("/account", "and the login page, by the username, back to /account")


def change_password(person):
    print("changing the password, with mistakes")
    browser = person.browser
    person.press("Change your password")
    person.starts_in("password")
    person.take("change-password")
    person.fill(password="not mine", new_password=SECOND, new_password_confirm=SECOND)
    person.press("Change my password", status=400)
    person.starts_in("password")
    person.fill(password=FIRST, new_password="short", new_password_confirm="shorter")
    person.press("Change my password", status=400)
    person.take("change-password-errors")
    check(browser.count(".security-field-wrong") == 2, "both new fields are marked at once")
    person.starts_in("new_password")
    person.fill(password=FIRST, new_password=SECOND, new_password_confirm=SECOND)
    person.press("Change my password")
    person.is_at("/", "that leads to the front page")
    person.sees("Your password has been changed")
    person.take("front-page-after-change")


def change_username(person):
    print("changing the username, with mistakes")
    go_fresh(person, "/account", "Change your username", SECOND)
    person.starts_in("username")
    person.sees(f"Your username is {NAME}")
    person.take("change-username", "dark", "phone")
    for wrong in ("two words", NAME):
        person.fill(username=wrong)
        person.press("Change username", status=400)
        person.starts_in("username")
        check(person.browser.value("username") == wrong, "the name is there as it was typed")
    person.take("change-username-errors")
    person.fill(username=NEW_NAME)
    person.press("Change username")
    person.is_at("/", "that leads to the front page")
    person.sees("Your username has been changed")
    person.sees(f"Hello, {NEW_NAME}!")
    person.take("front-page-after-renaming")
    changed = person.server.wait_for_mail(ANN, "Your username was changed").text
    check(NAME in changed and NEW_NAME in changed, "the mail has the old name and the new one")


def recover_username(person):
    print("having forgotten the username, with mistakes")
    person.open("/")
    person.press("Log out")
    person.open("/login")
    person.fill(identity=NAME, password=SECOND)
    person.press("Log in", status=400)
    person.press("Email it to me")
    person.starts_in("email")
    person.fill(email="ann at example.org")
    person.press("Email me my username", status=400)
    person.starts_in("email")
    person.take("recover-username-errors")
    person.fill(email=ANN)
    person.press("Email me my username")
    person.is_at("/login", "that leads to the login page")
    person.sees("send its username there")
    person.take("login-after-recovering")
    mail = person.server.wait_for_mail(ANN, "Your username")
    check(NEW_NAME in mail.text, "the mail has the username")
    check(path_of(mail.link) == "/login", "and leads to the login page")
    log_in(person, NEW_NAME, SECOND)
    person.is_at("/", "the new name lets its owner in")


def ask_for_another_address(person):
    print("asking for another address, with mistakes, and with a break")
    person.open("/account")
    wait_until_stale()
    person.press("Change your email address")
    person.is_at("/verify?next=%2Fchange-email", "a log-in that is not fresh has to be proved")
    person.starts_in("password")
    person.take("verify", "dark", "phone")
    person.fill(password=FIRST)
    person.press("Continue", status=400)
    person.take("verify-errors")
    person.fill(password=SECOND)
    person.press("Continue")
    person.is_at("/change-email", "proving it leads on")
    person.fill(email="ann at example.net")
    person.press("Send the link", status=400)
    person.starts_in("email")
    person.take("change-email-errors")
    person.fill(email=NEW_ADDRESS)
    wait_until_stale()
    person.press("Send the link")
    person.is_at("/verify?next=%2Fchange-email", "after a break it has to be proved again")
    person.fill(password=SECOND)
    person.press("Continue")
    check(person.browser.value("email") == NEW_ADDRESS, "what was typed before stands there again")
    person.press("Send the link")
    person.is_at("/", "that leads to the front page")
    person.sees("We sent a confirmation link to the new address")
    person.take("front-page-after-asking")


def change_address(person):
    print("changing the address")
    path = open_link(person, NEW_ADDRESS, "Confirm your new email address", "change-email")
    person.press("Use the new address")
    person.sees("Your email address has been changed")
    person.sees(f"Logged in as {NEW_ADDRESS}")
    find_dead(person, path, "change-email")


def undo_the_change(person):
    print("undoing it, from the old address")
    path = open_link(person, ANN, "Your email address was changed", "change-email-undo")
    person.press("Undo the change")
    person.is_at("/reset", "that leads to where a new password is chosen")
    person.sees("Your account has the address ")
    person.take("reset-after-undo")
    find_dead(person, path, "change-email-undo")


def reset_password(person):
    print("resetting the password, with mistakes")
    person.open("/login")
    person.press("Choose a new one")
    person.fill(email="ann at example.org")
    person.press("Send the link", status=400)
    person.take("reset-errors")
    person.fill(email=ANN)
    person.press("Send the link")
    person.is_at("/login", "that leads to the login page")
    person.sees("send it a link to choose a new password")
    person.take("login-after-asking")
    path = open_link(person, ANN, "Choose a new password", "reset")
    person.starts_in("password")
    person.fill(password="short", password_confirm="shorter")
    person.press("Change my password", status=400)
    person.take("reset-link-errors")
    person.fill(password=THIRD, password_confirm=THIRD)
    person.press("Change my password")
    person.is_at("/login", "that leads to the login page")
    person.sees("has been changed. You can now log in with it.")
    find_dead(person, path, "reset")
    person.open("/login")
    person.fill(identity=ANN, password=SECOND)
    person.press("Log in", status=400)
    log_in(person, ANN, THIRD)


def close_account(person):
    print("closing the account")
    go_fresh(person, "/account", "Close your account", THIRD)
    person.take("close-account", "phone")
    person.fill(password=SECOND)
    person.press("Close my account", status=400)
    person.take("close-account-errors")
    person.fill(password=THIRD)
    person.press("Close my account")
    person.sees("Your account is closed")
    person.take("front-page-after-closing")
    person.open("/account")
    person.fill(identity=ANN, password=THIRD)
    person.press("Log in", status=400)


def open_it_again(person):
    print("opening it again")
    path = open_link(person, ANN, "Your account was closed", "close-account")
    person.press("Reopen my account")
    person.is_at("/login", "that leads to the login page")
    person.sees("is open again. You can log in now.")
    find_dead(person, path, "close-account")
    person.open("/login")
    log_in(person, ANN, THIRD)
    person.open("/")
    person.press("Log out")


def accept_an_invitation(person):
    print("accepting an invitation")
    person.server.command("roles", "create", "admin")
    person.server.command("users", "invite", BEN, "--role", "admin")
    path = open_link(person, BEN, "You are invited", "invite")
    person.starts_in("password")
    person.fill(password="short", password_confirm="shorter")
    person.press("Accept the invitation", status=400)
    person.take("invite-link-errors")
    person.fill(password=FIRST, password_confirm=FIRST)
    person.press("Accept the invitation")
    person.sees("is ready. You can log in now.")
    find_dead(person, path, "invite")


def invite_others(person):
    print("inviting somebody else")
    person.open("/admin")
    log_in(person, BEN, FIRST)
    person.take("admin")
    person.fill(email=CARA)
    person.press("Invite")
    person.sees("An invitation is on its way")
    person.take("admin-after-inviting")
    person.fill(email=ANN)
    person.press("Invite")
    person.sees(f"{ANN} has an account already")
    person.server.wait_for_link(CARA, "You are invited")


def be_told_that_names_and_addresses_are_taken(person):
    print("asking for what is somebody else's, and registering it")
    person.open("/account")
    person.take("account-of-somebody-invited")
    go_fresh(person, "/account", "Change your username", FIRST)
    person.sees("You have no username yet")
    person.take("change-username-without-one")
    # To a reader it is the same name.
    person.fill(username=NEW_NAME.upper())
    person.press("Change username", status=400)
    person.take("change-username-taken")
    go_fresh(person, "/account", "Change your email address", FIRST)
    person.take("change-email", "phone")
    person.fill(email=ANN)
    person.press("Send the link")
    person.sees("We sent a confirmation link to the new address")
    person.press("Log out")
    person.open("/register")
    person.fill(email=ANN, username=NEW_NAME, password=SECOND, password_confirm=SECOND)
    person.press("Create account", status=400)
    person.starts_in("username")
    person.fill(username="", password=SECOND, password_confirm=SECOND)
    person.press("Create account")
    person.sees("We sent you an email")


def be_made_to_change_the_password(person):
    print("having to change the password")
    person.server.command("users", "require-change", BEN)
    person.open("/account")
    log_in(person, BEN, FIRST)
    person.is_at("/change", "nothing else can be reached")
    person.take("change-password-required")
    person.fill(password=FIRST, new_password=SECOND, new_password_confirm=SECOND)
    person.press("Change my password")
    person.open("/account")
    person.press("Log out")
    person.press("Log out")


def close_for_good(person):
    print("closing the account for good")
    server = person.server
    server.stop()
    server.configure({"close_account": {"grace": "1s"}})
    server.start()
    person.open("/close-account")
    log_in(person, ANN, THIRD)
    person.fill(password=THIRD)
    person.press("Close my account")
    person.sees("Your account is closed")
    # The way back is mailed a moment later, and lasts as long.
    time.sleep(3)
    server.stop()
    # The sweep of a launch deletes what is due.
    server.start()
    look = lambda: any(mail.subject == "Your account was deleted" for mail in server.mail(ANN))
    wait_for("the last mail comes", look, 10)
    last = next(mail for mail in server.mail(ANN) if mail.subject == "Your account was deleted")
    check("Bring your books back" in last.text, "and it is the showcase's own")
    person.open("/login")
    person.fill(identity=ANN, password=THIRD)
    person.press("Log in", status=400)


def be_turned_away(person):
    print("being turned away")
    person.open("/login")
    person.browser.devtools("Network.clearBrowserCookies")
    person.fill(identity=ANN, password=THIRD)
    person.press("Log in", status=400)
    person.take("cookies-lost")
    person.open("/login")
    while person.browser.status() != 429:
        person.fill(identity="nobody@example.org", password="not the password I chose")
        person.browser.press("Log in")
        person.look(person.browser.status())
    person.take("throttled")


# What is done more than once.


def open_link(person, to, subject, page):
    """Follows the link of the newest mail; gives its path."""
    path = path_of(person.server.wait_for_link(to, subject))
    token = path.rpartition("/")[2]
    person.open(path)
    person.is_at(f"/{page}/link", "the link leads to a page without its token")
    check(token not in person.browser.evaluate("document.referrer"), "nor is it in the referrer")
    person.take(f"{page}-link")
    return path


def find_dead(person, path, page):
    """Follows a link that was used just now."""
    person.open(path, status=400)
    person.sees("This link was just used")
    person.take(f"{page}-link-dead")


def log_in(person, identity, password):
    person.fill(identity=identity, password=password)
    person.press("Log in")


def go_fresh(person, page, label, password):
    """Follows a link to a page that wants a fresh log-in."""
    person.open(page)
    person.press(label)
    if person.path().startswith("/verify"):
        person.fill(password=password)
        person.press("Continue")


def wait_until_stale():
    time.sleep(FRESHNESS + 1)


if __name__ == "__main__":
    run(main)
