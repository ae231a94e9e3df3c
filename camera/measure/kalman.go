package measure

// axis follows one coordinate that moves steadily and is measured now and then: a
// Kalman filter over position and velocity (Kalman 1960; the noise of a random
// acceleration as in Bar-Shalom, Estimation with Applications to Tracking and
// Navigation, 2001, section 6.2.2).
type axis struct {
	at, speed     float64 // pixels, pixels per second
	pp, pv, vv    float64 // covariance
	acceleration2 float64 // variance of the acceleration
}

func newAxis(at, error2, speed2, acceleration2 float64) axis {
	return axis{at: at, pp: error2, vv: speed2, acceleration2: acceleration2}
}

// predict moves on by dt seconds.
func (a *axis) predict(dt float64) {
	a.at += a.speed * dt
	a.pp += dt * (2*a.pv + dt*a.vv)
	a.pv += dt * a.vv
	d2 := dt * dt
	a.pp += a.acceleration2 * d2 * d2 / 4
	a.pv += a.acceleration2 * d2 * dt / 2
	a.vv += a.acceleration2 * d2
}

// correct takes in a measurement with variance error2.
func (a *axis) correct(measured, error2 float64) {
	sum := a.pp + error2
	gainP, gainV := a.pp/sum, a.pv/sum
	off := measured - a.at
	a.at += gainP * off
	a.speed += gainV * off
	a.vv -= gainV * a.pv
	a.pv -= gainP * a.pv
	a.pp -= gainP * a.pp
}
