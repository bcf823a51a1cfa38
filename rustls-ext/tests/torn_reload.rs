//! A load during which files are replaced: all loaded files existed at one time, or the load is an
//! error. The load itself replaces the files, at every point of it.

mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{Pki, pem, provider};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use rustls_ext::{FileError, FileProblem, Live, Policy, Setup, Verdict};
use tempfile::TempDir;

const NAMES: [&str; 4] = ["server.pem", "server.key", "policy.toml", "ca.pem"];
/// How often a load is tried.
const ATTEMPTS: usize = 5;

/// How all files are replaced at once.
#[derive(Clone, Copy, Debug)]
enum How {
    /// Each is overwritten.
    Written,
    /// Each is renamed over the old one.
    Renamed,
    /// They are links into a folder behind a link, which is replaced, as Kubernetes does it.
    #[cfg(unix)]
    Linked,
}

const HOW: &[How] = &[
    How::Written,
    How::Renamed,
    #[cfg(unix)]
    How::Linked,
];

/// A folder whose files are replaced while they are read.
struct Site {
    folder: TempDir,
    how: How,
    /// The content to write, and the point and the attempt of a load at which to write it.
    plan: Mutex<Vec<(usize, usize, u8)>>,
    attempts: AtomicUsize,
    config: Arc<ServerConfig>,
}

impl Site {
    fn new(how: How, config: &Arc<ServerConfig>) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        if let How::Linked = how {
            for name in NAMES {
                let link = folder.path().join(name);
                std::os::unix::fs::symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
        let site = Self {
            folder,
            how,
            plan: Mutex::default(),
            attempts: 0.into(),
            config: config.clone(),
        };
        site.put(0);
        Arc::new(site)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces all files; each then contains the number.
    fn put(&self, content: u8) {
        let content = content.to_string();
        match self.how {
            How::Written => {
                NAMES.iter().for_each(|name| std::fs::write(self.path(name), &content).unwrap());
            }
            How::Renamed => {
                for name in NAMES {
                    std::fs::write(self.path("new"), &content).unwrap();
                    std::fs::rename(self.path("new"), self.path(name)).unwrap();
                }
            }
            #[cfg(unix)]
            How::Linked => {
                let data = self.path(&format!("..{content}"));
                std::fs::create_dir_all(&data).unwrap();
                for name in NAMES {
                    std::fs::write(data.join(name), &content).unwrap();
                }
                std::os::unix::fs::symlink(&data, self.path("..new")).unwrap();
                std::fs::rename(self.path("..new"), self.path("..data")).unwrap();
            }
        }
    }

    /// Has files replaced during the next load.
    fn plan(&self, plan: &[(usize, usize, u8)]) {
        *self.plan.lock().unwrap() = plan.to_vec();
        self.attempts.store(0, Ordering::SeqCst);
    }

    fn step(&self, attempt: usize, point: usize) {
        for (when, at, content) in self.plan.lock().unwrap().iter() {
            if (*when, *at) == (attempt, point) {
                self.put(*content);
            }
        }
    }

    /// A setup whose "policy" is the content of the files.
    fn live(self: &Arc<Self>) -> Result<Live<[String; 4]>, rustls_ext::LoadError> {
        let site = self.clone();
        Live::load(move |files| {
            let attempt = site.attempts.fetch_add(1, Ordering::SeqCst) + 1;
            let mut read = NAMES.map(|_| String::new());
            for (point, (name, read)) in NAMES.iter().zip(&mut read).enumerate() {
                site.step(attempt, point);
                *read = String::from_utf8(files.read(site.path(name))?)?;
            }
            site.step(attempt, NAMES.len());
            Ok(Setup::new(site.config.clone(), read))
        })
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }
}

fn config() -> Arc<ServerConfig> {
    Arc::new(Pki::new().server_config(&[&TLS13]))
}

fn loaded(live: &Live<[String; 4]>) -> [String; 4] {
    live.current().policy().as_ref().clone()
}

fn all(content: u8) -> [String; 4] {
    NAMES.map(|_| content.to_string())
}

#[test]
fn files_that_are_replaced_once_are_loaded_as_a_whole() {
    let config = config();
    for how in HOW {
        for at in 0..=NAMES.len() {
            let site = Site::new(*how, &config);
            let live = site.live().unwrap();
            assert_eq!((loaded(&live), site.attempts()), (all(0), 1));
            site.plan(&[(1, at, 1)]);
            live.reload().unwrap();
            assert_eq!(loaded(&live), all(1), "{how:?} {at}");
            assert_eq!(site.attempts(), if at == 0 { 1 } else { 2 }, "{how:?} {at}");
            assert!(live.changes().is_none());
            // The first load does the same.
            site.plan(&[(1, at, 2)]);
            assert_eq!(loaded(&site.live().unwrap()), all(2), "{how:?} {at}");
        }
    }
}

#[test]
fn files_that_are_replaced_twice_are_loaded_as_a_whole() {
    let config = config();
    for how in HOW {
        for first in 0..=NAMES.len() {
            for second in first..=NAMES.len() {
                // By other content, or by the earlier content; in one attempt, or in two.
                for (content, attempt) in [(2, 1), (0, 1), (2, 2), (0, 2)] {
                    let site = Site::new(*how, &config);
                    let live = site.live().unwrap();
                    site.plan(&[(1, first, 1), (attempt, second, content)]);
                    live.reload().unwrap();
                    let expected = if attempt > site.attempts() { 1 } else { content };
                    assert_eq!(loaded(&live), all(expected), "{how:?} {first} {second} {content}");
                    assert!(live.changes().is_none());
                }
            }
        }
    }
}

#[test]
fn files_that_keep_changing_are_an_error_and_stay_to_be_loaded() {
    let config = config();
    for how in HOW {
        for at in 1..=NAMES.len() {
            let site = Site::new(*how, &config);
            let live = site.live().unwrap();
            let before = live.current();
            let each: Vec<_> = (1..=ATTEMPTS).map(|attempt| (attempt, at, attempt as u8)).collect();
            site.plan(&each);
            let error = live.reload().unwrap_err().downcast::<FileError>().unwrap();
            assert!(matches!(error.problem, FileProblem::KeepsChanging { attempts: ATTEMPTS }));
            let text = error.to_string();
            assert!(
                text.ends_with(
                    ": changed while it was read, 5 times in a row: write new files beside the old \
                     ones, and put them in place by renaming"
                ),
                "{text}"
            );
            assert_eq!(site.attempts(), ATTEMPTS);
            assert!(Arc::ptr_eq(&live.current(), &before));
            assert!(live.changes().is_some());
            // Also if all files are again as they were when they were last read.
            site.put(ATTEMPTS as u8 - 1);
            assert!(live.changes().is_some());

            site.plan(&[]);
            live.reload().unwrap();
            assert_eq!(loaded(&live), all(ATTEMPTS as u8 - 1));
            assert!(live.changes().is_none());

            site.plan(&each);
            let error = site.live().unwrap_err().downcast::<FileError>().unwrap();
            assert!(matches!(error.problem, FileProblem::KeepsChanging { .. }));
        }
    }
}

/// Files that do not belong together, such as a certificate and the next one's key, do not prevent
/// loading the files that follow.
#[test]
fn an_error_of_a_torn_load_does_not_count() {
    let config = config();
    for at in 0..=NAMES.len() {
        let site = Site::new(How::Written, &config);
        site.plan(&[(1, at, 1)]);
        let torn = site.clone();
        let live: Live<[String; 4]> = Live::load(move |files| {
            let attempt = torn.attempts.fetch_add(1, Ordering::SeqCst) + 1;
            let mut read = NAMES.map(|_| String::new());
            for (point, (name, read)) in NAMES.iter().zip(&mut read).enumerate() {
                torn.step(attempt, point);
                *read = String::from_utf8(files.read(torn.path(name))?)?;
            }
            torn.step(attempt, NAMES.len());
            if read.iter().all(|other| *other == read[0]) {
                Ok(Setup::new(torn.config.clone(), read))
            } else {
                Err("they do not belong together".into())
            }
        })
        .unwrap();
        assert_eq!(loaded(&live), all(1), "{at}");
    }
}

#[test]
fn replacing_a_file_by_the_same_content_is_no_change() {
    let site = Site::new(How::Renamed, &config());
    let live = site.live().unwrap();
    site.plan(&[(1, 0, 0), (1, 2, 0), (1, 4, 0)]);
    live.reload().unwrap();
    assert_eq!((loaded(&live), site.attempts()), (all(0), 1));
    site.put(0);
    assert!(live.changes().is_none());
}

#[test]
fn two_scopes_that_share_a_file_have_the_same_anchors() {
    let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, pem("CERTIFICATE", &pki.agents.der)).unwrap();
    let (config, new) = (config(), pem("CERTIFICATE", &pki.staff.der));
    let found: Arc<Mutex<Vec<[RootCertStore; 2]>>> = Arc::default();
    let (ca, seen) = (path.clone(), found.clone());
    let live = Live::load(move |files| {
        let one = files.roots(&ca)?;
        std::fs::write(&ca, &new)?; // by another program, just now
        let two = files.roots(&ca)?;
        seen.lock().unwrap().push([one.clone(), two.clone()]);
        let policy = Policy::builder()
            .provider(provider())
            .scope("one", rustls_ext::Anchors::from_roots(one))
            .scope("two", rustls_ext::Anchors::from_roots(two))
            .otherwise(Verdict::Require("one".into()))
            .build()?;
        Ok(Setup::new(config.clone(), policy))
    })
    .unwrap();
    let found = found.lock().unwrap();
    let anchors: Vec<_> =
        found.iter().map(|two| two.each_ref().map(|it| it.roots.clone())).collect();
    let [agents, staff] = [&pki.agents, &pki.staff].map(|authority| authority.roots().roots);
    assert_eq!(anchors, [[agents.clone(), agents], [staff.clone(), staff]]);
    assert!(live.changes().is_none());
    std::fs::write(&path, pem("CERTIFICATE", &pki.agents.der)).unwrap();
    assert!(live.changes().is_some());
}

#[test]
fn a_file_that_appears_during_a_load_is_loaded() {
    let (folder, config) = (tempfile::tempdir().unwrap(), config());
    let path = folder.path().join("late.txt");
    let late = path.clone();
    let live: Live<String> = Live::load(move |files| {
        let missing = files.read(&late);
        std::fs::write(&late, "here")?;
        // One load sees one state of the file.
        assert_eq!(files.read(&late).is_ok(), missing.is_ok());
        Ok(Setup::new(config.clone(), String::from_utf8(missing?)?))
    })
    .unwrap();
    assert_eq!(*live.current().policy().as_ref(), "here");
    std::fs::remove_file(path).unwrap();
    assert!(live.changes().is_some());
}
