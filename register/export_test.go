package register

// CheapPassphrases makes locking fast enough for tests under the race detector.
func CheapPassphrases() { work = 10 }
