//! The network's own time: it begins at the wall clock's, runs at a speed of its own, and can be moved ahead by hand; never back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::stage::wall_millis;

/// A clock; clones tell the same time.
#[derive(Clone, Debug)]
pub(crate) struct NetworkClock(Arc<Mutex<Course>>);

/// From which moment and which time on the clock has run, and how fast.
#[derive(Clone, Copy, Debug)]
struct Course {
    since: Instant,
    /// Unix time at that moment, milliseconds.
    millis: u64,
    /// Seconds of this clock in one of the wall's.
    speed: f64,
}

impl Course {
    fn at(&self, moment: Instant) -> u64 {
        let passed = moment.saturating_duration_since(self.since);
        let passed = passed.mul_f64(self.speed).as_millis();
        self.millis
            .saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }
}

impl NetworkClock {
    /// Begins now, with the wall's time.
    pub fn start(speed: f64) -> Self {
        Self(Arc::new(Mutex::new(Course {
            since: Instant::now(),
            millis: wall_millis(),
            speed,
        })))
    }

    /// Unix time, milliseconds.
    pub fn millis(&self) -> u64 {
        self.course().at(Instant::now())
    }

    /// Unix time, seconds.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.millis() / 1_000).unwrap_or(i64::MAX)
    }

    /// Runs at another speed from now on.
    pub fn set_speed(&self, speed: f64) {
        let (now, mut course) = (Instant::now(), self.course());
        course.millis = course.at(now);
        (course.since, course.speed) = (now, speed);
    }

    /// Moves it ahead at once.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let mut course = self.course();
        course.millis = course.millis.saturating_add(by);
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        // whoever panicked left a whole course behind
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: u64 = 1_800_000_000_000;

    #[test]
    fn time_runs_at_its_speed_from_where_it_began() {
        let since = Instant::now();
        let at = |speed, millis| {
            let course = Course {
                since,
                millis: WALL,
                speed,
            };
            course.at(since + Duration::from_millis(millis)) - WALL
        };
        assert_eq!(
            [at(1.0, 0), at(1.0, 999), at(60.0, 1_000)],
            [0, 999, 60_000]
        );
        let course = Course {
            since: since + Duration::from_secs(1),
            millis: WALL,
            speed: 9.0,
        };
        assert_eq!(course.at(since), WALL, "not before it began");
    }

    #[test]
    fn another_speed_and_a_jump_keep_what_has_passed() {
        let clock = NetworkClock::start(1.0);
        let other = clock.clone();
        let began = clock.millis();
        other.advance(Duration::from_secs(3_600));
        let jumped = clock.millis();
        assert!((3_600_000..3_660_000).contains(&(jumped - began)));
        clock.set_speed(0.0);
        let stopped = other.millis();
        assert!(stopped >= jumped);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(other.millis(), stopped);
        assert_eq!(other.seconds(), (stopped / 1_000) as i64);
    }
}
