// Package corridor is a made-up corridor to run the traffic service on: a street of package
// street, and at each junction a simulated signal controller that speaks RSMP over TLS, has its
// own guard and plans, and goes on by itself. Beside it stands the same street, with the same
// people in it, whose junctions never leave their plans: what is saved is the difference. A plan
// that is changed in a controller is changed for both.
package corridor
