// Package suppress decides which numbers of people a table may publish beside the
// small ones that it may not. A number below the threshold is withheld (primary
// suppression); so is every sum that would let somebody work one out from what else
// is published (secondary suppression).
//
// The attacker of the model knows the threshold, all sums, which numbers are withheld,
// and of the small ones that they are small (why a number is withheld is not published),
// and solves the system by linear programming
// (Fischetti and Salazar-González, "Models and algorithms for the 2-dimensional cell
// suppression problem in statistical disclosure control", 1999). Protected is a table
// from which that attacker learns nothing of a small number but that it is small.
package suppress
