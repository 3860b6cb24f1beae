"""Shifts, masks and other operations on the bits of a number, as the proofs see them."""
import z3

from lemmas import WIDTH, Cond, Val, constant, step, type_range


class Bits:
    """The part of a path that deals in bits; see prover.py for the rest."""

    def split_bits(self, a, bits):
        """`a = high 2^bits + low` with `0 <= low < 2^bits`; the high part floors."""
        a = self.whole(a)
        if a.is_constant:
            return constant(a.lo >> bits, a.kind), constant(a.lo & ((1 << bits) - 1), a.kind)
        cached = a.node.tags.get(("bits", bits))
        if cached:
            return Val(cached[0], a.kind), Val(cached[1], a.kind)
        lo, hi = a.lo >> bits, a.hi >> bits
        if "shifted" in a.node.tags and lo != hi:
            return self.split_again(a, bits)
        x, low = z3.Ints("x low")
        box = [x >= a.lo, x <= a.hi, low >= 0, low < 1 << bits]
        step(("shr", a.lo, a.hi, bits), lo, hi, lambda r: [*box, x == r * (1 << bits) + low])
        high = self.fresh(lo, hi, a.kind, "h")
        if lo == hi:
            rest = self.result(a.z - (lo << bits), a.lo - (lo << bits), a.hi - (lo << bits), "i128", "low bits")
        else:
            rest = self.fresh(0, (1 << bits) - 1, a.kind, "l")
        rest.kind = a.kind
        self.facts.append(a.z == high.z * (1 << bits) + rest.z)
        high.node.tags["shifted"] = (a.node, bits)
        a.node.tags[("bits", bits)] = (high.node, rest.node)
        return high, rest

    def split_again(self, a, bits):
        """Splits what is itself a high part: its high part is that of the origin, so that equal terms have one name."""
        origin, before = a.node.tags["shifted"]
        x, h, small, hh, m, g, n = z3.Ints("x h small hh m g n")
        parts = [x == h * (1 << before) + small, h == hh * (1 << bits) + m, x == g * (1 << (before + bits)) + n]
        box = [small >= 0, small < 1 << before, m >= 0, m < 1 << bits, n >= 0, n < 1 << (before + bits)]
        step(("shift twice", before, bits), 0, 0, lambda r: [*parts, *box, r == hh - g])
        high = Val(self.split_bits(Val(origin, a.kind), before + bits)[0].node, a.kind)
        low = self.fresh(0, (1 << bits) - 1, a.kind, "l")
        self.facts.append(a.z == high.z * (1 << bits) + low.z)
        a.node.tags[("bits", bits)] = (high.node, low.node)
        return high, low

    def power(self, k):
        """2^k for a shift amount that is not known; the term is the same for the same amount."""
        if "power" not in k.node.tags:
            k.node.tags["power"] = self.fresh(1 << k.lo, 1 << k.hi, "u128", "p").node
        return Val(k.node.tags["power"], "u128")

    def amount(self, k, kind, what):
        self.bound(k, 0, WIDTH[kind] - 1, f"{what}: shift amount")

    def shr(self, a, k, what="shift right"):
        self.amount(k, a.kind, what)
        if k.is_constant:
            return self.split_bits(a, k.lo)[0]
        return self.floor_divide(a, self.power(k), a.kind)

    def shl(self, a, k, what="shift left"):
        self.amount(k, a.kind, what)
        if k.is_constant:
            bits = k.lo
            cached = a.node.tags.get(("shl", bits))
            if cached and not self.modular:
                return Val(cached, a.kind)
            value = self.mul(a, constant(1 << bits, "u128"), a.kind, what)
            if not value.is_constant:
                value.node.tags["multiple"] = bits
                a.node.tags[("shl", bits)] = value.node
                value.node.tags["scaled"] = (a.node, bits)
                if "remainder of" in a.node.tags:
                    value.node.tags["remainder shifted"] = (a.node.tags["remainder of"], bits)
            return value
        if k.node.tags.get("leading zeros of") is a.node and a.lo >= 1:
            p = self.power(k)
            top = self.result(a.z * p.z, 1 << 63, (1 << 64) - 1, a.kind, what)
            return top
        return self.mul(a, self.power(k), a.kind, what)

    def leading_zeros(self, a, of_zero, width=64):
        """How far `a` can be shifted; by definition `2^(w-1) <= a 2^z < 2^w` for `a >= 1`."""
        if a.hi == 0:
            return constant(of_zero, "u32")
        most = width - a.lo.bit_length() if a.lo > 0 else max(width - 1, of_zero)
        z = self.fresh(width - a.hi.bit_length(), most, "u32", "z")
        if width == 64:
            z.node.tags["leading zeros of"] = a.node
        if a.lo > 0 and not z.is_constant:
            p = self.power(z)
            self.facts += [a.z * p.z >= 1 << (width - 1), a.z * p.z < 1 << width]
        return z

    def bits(self, a, b, operator):
        """Bitwise operations of which only the highest bit is known."""
        a, b = self.whole(a), self.whole(b)
        if operator == "^" and b.lo >= -1 and b.hi <= 0:  # with a sign: the number, or its complement
            if self.branch(Cond("==", b, constant(0, b.kind))):
                return a
            return self.sub(constant(-1, a.kind), a, a.kind, "complement")
        least, most = type_range(a.kind if not a.node.tags.get("literal") else b.kind)
        kind = b.kind if a.node.tags.get("literal") else a.kind
        if a.lo < 0 or b.lo < 0:
            return self.fresh(least, most, kind, "bits")
        if operator == "&":
            return self.fresh(0, min(a.hi, b.hi), kind, "bits")
        top = (1 << max(a.hi.bit_length(), b.hi.bit_length())) - 1
        value = self.fresh(max(a.lo, b.lo) if operator == "|" else 0, top, kind, "bits")
        if operator == "|":
            self.facts += [value.z >= a.z, value.z >= b.z]
        return value

    def join(self, a, b, what="or"):
        """Bitwise or, where the operands have no bit in common."""
        if a.is_constant and b.is_constant:
            return constant(a.lo | b.lo, a.kind)
        if b.is_constant and b.lo == 0:
            return a
        if b.is_constant and b.lo == 1:  # a | 1
            high, _ = self.split_bits(a, 1)
            return self.add(self.mul(high, constant(2, a.kind), a.kind), b, a.kind, what)
        bits = a.node.tags.get("multiple", a.lo and a.is_constant and (a.lo & -a.lo).bit_length() - 1)
        if a.is_constant and a.lo == 0:
            return b
        if not bits:  # not digits side by side
            return self.bits(a, b, "|")
        self.bound(b, 0, (1 << bits) - 1, f"{what}: low digit")
        value = self.add(a, b, a.kind, what)
        value.node.tags["multiple"] = b.node.tags.get("multiple", 0)
        return value
