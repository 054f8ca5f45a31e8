"""Laws of loss in the mixture together with parameters, tokens or repetition.

capacity_competition    Capacity competition: sources share a model's parameters so that the training loss is lowest
dcpt                    D-CPT law: size, tokens and the target's own share
info_law                Information law: the loss falls with the information in the sources; repetition adds ever less
joint_effective_tokens  Effective-tokens law over several scales; the mixture affects the token term only
mixture_index           Mixture-index law, the default over several scales, with its three variants
optimal_mixtures        Laws of optimal mixtures, additive and joint
quality_decay           Quality-decay law: the utility of each source decays with its epochs
repeated_mixture        Mixture law with repetition, the default if a source repeats: repeated tokens count less, and
                        repetition adds loss
"""
