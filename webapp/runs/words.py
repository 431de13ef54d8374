"""What ml.specs says to people, for the translators: gettext finds only words that stand in the site's code.

`ml` knows no Django, so its titles and help texts are translated where they are shown. A test holds the two
together.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

WORDS = frozenset(
    {
        _("Quick probe"),
        _("A linear classifier on what a pretrained network already sees: good for a first look."),
        _("seconds to a minute"),
        _("Sharp probe"),
        _(
            "Remembers the training photos as a pretrained network sees them and compares: quick, and hard to beat."
        ),
        _("a minute or two for 2,000 photos on two cores"),
        _("Each photo looked at once: a quarter of the time."),
        _("Fine-tune the last blocks"),
        _("The early layers stay fixed and are computed once; the last blocks learn your classes."),
        _("5 to 10 minutes for 2,000 photos on two cores"),
        _("Fine-tune everything"),
        _("A pretrained ResNet-18 whose every layer goes on learning, as in the paper on waste sorting."),
        _("about an hour for 2,000 photos on two cores, minutes on a GPU"),
        _("From scratch"),
        _("A ResNet-18 with random weights: slow and weak, and the baseline to compare with."),
        _("Fast"),
        _("Without mirrored copies: half the time."),
        _("Half the epochs and views."),
        _("Best"),
        _("Larger pictures, and at the end the validation photos join in: about twice the time."),
        _("Modern"),
        _("What has been learned since the paper: random crops, one cycle of rates."),
        _("Bundled network"),
        _("EfficientNet-Lite0 instead of ResNet-18: its weights are always here."),
        _("Momentum, a higher rate that falls, random crops, three times the epochs."),
        _("The pretrained network to start from."),
        _("Side of the square picture, in pixels."),
        _("Look at the centred square of each photo, or at the whole photo pressed into a square."),
        _("How often the training photos are gone through."),
        _("Photos in one optimiser step."),
        _("The rule that turns gradients into steps."),
        _("Learning rate of the network's body."),
        _("Learning rate of the last layer."),
        _("Momentum (SGD only)."),
        _("Pull of the weights towards zero."),
        _("Share of certainty taken from the true class."),
        _("Cropped and mirrored versions kept of each training photo."),
        _("First blocks of the network that stay as they are."),
        _("Begin with a new last layer, or with a probe's answers and learn what they miss."),
        _(
            "What the probe reads of the network: what is there, or also how it goes together, which tells "
            "materials apart."
        ),
        _("Once nothing is left to choose, let the validation photos join the probe's last fit, or not."),
        _("How the learning rates change while training."),
        _("Stop after so many epochs without a better validation; 0: go on to the end."),
        _("Random changes while training."),
        _("How strongly pairs of photos are blended while training; 0: not at all."),
        _("Take each photo once an epoch, or each class equally often."),
        _("Keep a moving average of the weights with this decay and use it as the model; 0: none."),
        _("Give rare classes more weight."),
        _("Mean and deviation: the weights' own or the data set's."),
        _("The probe's regularisation; 0: chosen by cross-validation."),
    }
)
