"""Private database servers, for tests and scripts: PostgreSQL, MariaDB, and PgBouncer.

Not a program. Each server runs in a temporary folder on a free port of 127.0.0.1 and ends with the
`with` that started it, also on Ctrl-C and when the script itself is killed. No server but these is
touched, and none is ended but by its id. Programs that are missing are installed by apt-get, and
the machine's own servers, which the packages bring along, are not started.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from server import Failed
from server import free_port
from server import wait_for

SECONDS_TO_START = 60
SECONDS_TO_STOP = 20
SECONDS_TO_QUERY = 30
BYTES_IN_MEMORY = 4 * 1024**3
POLICY = Path("/usr/sbin/policy-rc.d")

# What is lost when the machine loses power does not matter to a test.
FORGETFUL_POSTGRES = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
FORGETFUL_MARIADB = {
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "16M",
}


def memory():
    """Gives a folder in memory that has room for a server, if there is one: there PostgreSQL makes a
    database in a fifth of the time (45 ms in place of 244)."""
    folder = Path("/dev/shm")
    has_room = folder.is_dir() and shutil.disk_usage(folder).free >= BYTES_IN_MEMORY
    return folder if has_room and os.access(folder, os.W_OK) else None


class Database:
    """A server in a folder of its own; `with PostgreSQL() as database` starts and ends it.

    The programs do not run as root: there they run as `user`, elsewhere as whoever runs this.
    """

    user = None
    # Whether it keeps what it committed when the machine loses power.
    durable = False
    # What ends it at once, and in order, though somebody is connected.
    stop_signal = signal.SIGTERM

    def __init__(self):
        self.port = free_port()
        self.folder = None
        self.process = None

    def __enter__(self):
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def make_folder(self):
        folder = None if self.durable else memory()
        self.folder = Path(tempfile.mkdtemp(prefix="rocket-security-", dir=folder))
        if is_root():
            owner = pwd.getpwnam(self.user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def start(self):
        """Starts it, and waits until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.as_user(self.command()),
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the script, which ends what uses the server before the server.
                start_new_session=True,
            )
        wait_for(f"{self.name} answers", self.answers_or_ended, SECONDS_TO_START)

    def answers_or_ended(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} starts:\n{self.end_of_log()}")
        return self.answers()

    def stop(self, how=None):
        """Ends it in order, or with another signal; by force when it does not listen."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how or self.stop_signal)
        try:
            self.process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def name(self):
        return type(self).__name__

    @property
    def log(self):
        return self.folder / "log"

    def end_of_log(self):
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-15:])

    def as_user(self, command):
        """Completes a command, so that it is not root's and does not outlive this script."""
        death = ["--pdeathsig", self.stop_signal.name.removeprefix("SIG")]
        owner = ["--reuid", self.user, "--regid", self.user, "--init-groups"] if is_root() else []
        return ["setpriv", *death, *owner, "--", *map(str, command)]

    def run(self, command):
        """Runs a command that prepares the folder."""
        done = subprocess.run(
            self.as_user(command),
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise Failed(f"{Path(command[0]).name} succeeds:\n{done.stdout}{done.stderr}")

    def succeeds(self, command):
        done = subprocess.run(
            command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True
        )
        return done.returncode == 0


class PostgreSQL(Database):
    """PostgreSQL; everybody on 127.0.0.1 is let in.

    `durable` says whether it keeps what it committed when the machine loses power, as it does by
    default. `stop(signal.SIGQUIT)` is its "immediate" shutdown, after which it has to recover.
    """

    user = "postgres"
    # Its "fast" shutdown: connections are closed.
    stop_signal = signal.SIGINT

    def __init__(self, durable=False):
        super().__init__()
        self.durable = durable
        self.bin = None

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def prepare(self):
        self.bin = postgres_bin()
        self.make_folder()
        options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]
        self.run([self.bin / "initdb", "-D", self.data, "--no-sync", *options])

    @property
    def data(self):
        return self.folder / "data"

    def command(self):
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
        }
        settings |= {} if self.durable else FORGETFUL_POSTGRES
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [self.bin / "postgres", "-D", self.data, *given]

    def answers(self):
        return self.is_ready(self.port)

    def is_ready(self, port):
        """Says whether PostgreSQL, or what speaks like it, lets somebody in."""
        return self.succeeds([self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)])

    def query(self, *statements):
        """Gives the rows that statements return, each a list of texts."""
        try:
            done = subprocess.run(
                self.psql(*statements),
                env=environment(),
                capture_output=True,
                timeout=SECONDS_TO_QUERY,
            )
        except subprocess.TimeoutExpired as late:
            raise Failed(f"psql answers in time: {statements}") from late
        if done.returncode != 0:
            raise Failed(f"psql succeeds: {statements}\n{done.stderr.decode(errors='replace')}")
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    @contextlib.contextmanager
    def session(self, *statements):
        """Has another session say something, and hang up at the end of the `with`."""
        command = self.psql(*statements, "SELECT pg_sleep(600)")
        process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        try:
            wait_for("another session did what it was to do", lambda: self.query(asleep), 20)
            yield
        finally:
            # psql cancels what it waits for, and lets go of what it holds.
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS_TO_QUERY)

    def psql(self, *statements):
        asked = [word for statement in statements for word in ("-c", statement)]
        options = ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.url]
        return [self.bin / "psql", *options, *asked]

    def end_connections(self):
        """Ends the connections of everybody else."""
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def freeze(self):
        """Has the server and its processes stand still: connections stay open, nobody answers."""
        # First itself, so that it makes no more of them.
        os.kill(self.process.pid, signal.SIGSTOP)
        for child in children(self.process.pid):
            signal_if_alive(child, signal.SIGSTOP)

    def thaw(self):
        for pid in [*children(self.process.pid), self.process.pid]:
            signal_if_alive(pid, signal.SIGCONT)

    def stop(self, how=None):
        if self.process and self.process.poll() is None:
            self.thaw()
        super().stop(how)


class MariaDB(Database):
    """MariaDB; `root` comes in from 127.0.0.1 without a password."""

    user = "mysql"

    def __init__(self, durable=False):
        super().__init__()
        self.durable = durable
        self.daemon = None

    @property
    def url(self):
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    def prepare(self):
        self.daemon = program("mariadbd", "mariadb-server")
        self.make_folder()
        self.run([
            program("mariadb-install-db", "mariadb-server"),
            "--no-defaults",
            f"--datadir={self.data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-log-bin",
        ])
        # Names are not looked up, and `root@localhost` is for sockets alone.
        self.init.write_text(
            "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        self.init.chmod(0o644)

    @property
    def data(self):
        return self.folder / "data"

    @property
    def init(self):
        return self.folder / "init.sql"

    def command(self):
        settings = {
            "datadir": self.data,
            "socket": self.folder / "socket",
            "pid-file": self.folder / "pid",
            "tmpdir": self.folder,
            "init-file": self.init,
            "bind-address": "127.0.0.1",
            "port": self.port,
            "max-connections": "200",
            "performance-schema": "OFF",
        }
        settings |= {} if self.durable else FORGETFUL_MARIADB
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [self.daemon, "--no-defaults", *given, "--skip-name-resolve", "--skip-log-bin"]

    def answers(self):
        ping = [program("mariadb-admin", "mariadb-server"), "--no-defaults", "--silent"]
        where = ["--host=127.0.0.1", f"--port={self.port}", "--protocol=TCP", "--user=root"]
        return self.succeeds([*ping, *where, "ping"])


class PgBouncer(Database):
    """PgBouncer in transaction mode, in front of any database of a PostgreSQL."""

    user = "postgres"

    def __init__(self, postgres, pool_size=20):
        super().__init__()
        self.postgres = postgres
        self.pool_size = pool_size
        self.program = None

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def prepare(self):
        self.program = program("pgbouncer", "pgbouncer")
        self.make_folder()
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": self.users,
            "pool_mode": "transaction",
            "default_pool_size": self.pool_size,
            "max_client_conn": 500,
            "server_login_retry": 1,
            # Databases that a test made for itself can be dropped soon after.
            "server_idle_timeout": 3,
        }
        lines = ["[databases]", f"* = host=127.0.0.1 port={self.postgres.port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        for path, text in [(self.settings, "\n".join(lines)), (self.users, '"postgres" ""')]:
            path.write_text(f"{text}\n")
            path.chmod(0o644)

    @property
    def settings(self):
        return self.folder / "pgbouncer.ini"

    @property
    def users(self):
        return self.folder / "users.txt"

    def command(self):
        return [self.program, self.settings]

    def answers(self):
        return self.postgres.is_ready(self.port)


def is_root():
    return os.geteuid() == 0


def environment():
    """Gives our variables without those that would lead a client elsewhere."""
    other = ("PG", "MYSQL", "MARIADB")
    return {name: text for name, text in os.environ.items() if not name.startswith(other)}


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def signal_if_alive(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def postgres_bin():
    """Gives the folder of PostgreSQL's programs: Debian keeps them out of PATH."""
    return found_bin() or install("postgresql", found_bin)


def found_bin():
    in_path = shutil.which("postgres")
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest = sorted(versions, key=lambda path: float(path.parent.name), reverse=True)
    folders = [Path(in_path).resolve().parent] if in_path else []
    needed = ("initdb", "postgres", "psql", "pg_isready")
    is_whole = lambda folder: all((folder / name).is_file() for name in needed)
    return next(filter(is_whole, [*folders, *newest]), None)


def program(name, package):
    # The folders of daemons are not in everybody's PATH.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    look = lambda: shutil.which(name, path=path)
    return look() or install(package, look)


def install(package, look):
    """Installs a package, and gives what is looked for in it."""
    if not is_root():
        raise Failed(f"{package} is installed (apt-get install {package})")
    command = ["apt-get", "install", "-y", "-qq", package]
    settings = environment() | {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"installing {package}", flush=True)
    with servers_stay_off():
        for attempt in (command, ["apt-get", "update", "-qq"], command):
            done = subprocess.run(
                attempt,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            if attempt is command and done.returncode == 0:
                break
    found = look()
    if not found:
        end = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-15:])
        raise Failed(f"{package} can be installed ({' '.join(command)}):\n{end}")
    return found


@contextlib.contextmanager
def servers_stay_off():
    """Keeps packages that are installed meanwhile from starting their servers (Debian's way)."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
