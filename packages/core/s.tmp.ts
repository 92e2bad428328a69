import { Claim, Shares } from "./src/internal/shares.ts"
const shares: any = new Shares<string>(0)
let now = 0
const heavy = new Claim("heavy", "heavy", 9, 0)
shares.grant(heavy, now)
for (let job = 0; job < 100; job++) {
  const claim = new Claim("light", "light", 1, 0)
  shares.grant(claim, now)
  shares.end(claim, now += 10)
}
console.log(shares.virtualTime, shares.fair, shares.longest, shares.weights)
shares.end(heavy, now)
console.log(shares.virtualTime, shares.fair, shares.longest, shares.weights)
shares.join(new Claim("light", "light", 1, 0), now)
let served = 0
for (;; served++) {
  const c = new Claim("new", "new" + served, 1, 0)
  shares.join(c, now)
  if (shares.first === "light") break
  shares.grant(c, now)
  shares.end(c, now += 10)
}
console.log(served, shares.virtualTime, shares.fair)
